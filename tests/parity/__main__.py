"""``python -m tests.parity FOLDER``: every fixture of a folder against our components, one row each."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.parity.table import judge, load_folder


def main(folder: Path) -> int:
    """Print the table; 1 where a fixture fails."""
    failed = False
    for fixture in load_folder(folder):
        row = judge(fixture)
        print(row, flush=True)
        failed |= row.verdict == "FAIL"
    return int(failed)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.parity FOLDER")
    sys.exit(main(Path(sys.argv[1])))
