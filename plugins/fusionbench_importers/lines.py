"""Lines of a text file that say something: what ``.arff`` and ``.ts`` files are made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fusionbench as fb

LONGEST = 256_000_000
"""bytes of a line: in .ts files a whole clip is one"""


def lines_of(file: Path, comment: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without blanks around them; blank ones and comments are passed over.

    Args:
        file: UTF-8 text.
        comment: what a comment begins with.
    """
    with fb.open_regular(file) as content:
        number = 0
        while raw := content.readline(LONGEST):
            number += 1
            line = raw.decode("utf-8").strip()
            if line and not line.startswith(comment):
                yield number, line
