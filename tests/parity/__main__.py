"""``python -m tests.parity FOLDER``: every fixture of a folder against our components, one row each."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.parity.table import judge, load_folder


def main(folder: Path) -> int:
    """Print the table; 1 where a fixture fails."""
    rows = [judge(fixture) for fixture in load_folder(folder)]
    for row in rows:
        print(row, flush=True)
    return int(any(row.verdict == "FAIL" for row in rows))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.parity FOLDER")
    sys.exit(main(Path(sys.argv[1])))
