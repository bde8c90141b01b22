"""Which columns or channels make a stream, as ``--stream NAME=COLUMNS`` says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import fusionbench as fb


def named(file: Path, stream: str, patterns: str, names: Sequence[str]) -> list[str]:
    """The columns that a list of names and patterns (``AU*_r,pose_R?``) matches, in the table's order.

    Raises:
        UserError: a part of it matches none.
    """
    wanted = [part.strip() for part in patterns.split(",")]
    for part in wanted:
        if not any(fnmatchcase(name, part) for name in names):
            raise fb.UserError(
                f"{file}: --stream {stream}={patterns}: no column is called {part!r}. "
                f"Columns: {_some(names)}."
            )
    return [name for name in names if any(fnmatchcase(name, part) for part in wanted)]


def numbered(file: Path, stream: str, ranges: str, count: int) -> list[int]:
    """The channels that a list of numbers and ranges (``0-11,15``, both ends included) names, in its order.

    Raises:
        UserError: it is no such list, or one is not among ``count`` channels.
    """
    found: list[int] = []
    for part in ranges.split(","):
        ends = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if first > last or last >= count:
            raise fb.UserError(
                f"{file}: --stream {stream}={ranges}: {part!r} names no channels; there are {count}, from 0 "
                f"to {count - 1}. Write numbers and ranges, as in --stream left=0-2,5."
            )
        found += range(first, last + 1)
    return found


def overlapping(streams: Mapping[str, Sequence[object]]) -> list[str]:
    """A sentence on columns that more than one stream has, if there are any."""
    seen: dict[object, str] = {}
    twice = [
        f"{column} ({seen[column]}, {stream})"
        for stream, columns in streams.items()
        for column in columns
        if seen.setdefault(column, stream) != stream
    ]
    return [f"in two streams: {_some(twice)}."] if twice else []


def _some(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
