"""A store's index: which rows belong to which clip, and the strict reading of ``index.csv``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.data.reading import Damaged

COLUMNS = ("id", "first_row", "rows", "label", "split", "subject", "source")
Record = tuple[str, ...]
"""one clip as ``index.csv`` holds it, a text a column"""

_SPLIT = re.compile(r"[A-Za-z0-9][\w.-]*")
_COUNT = re.compile(r"[1-9][0-9]{0,14}")
MOST_BYTES = 2 << 30
"""largest index that is read"""


@dataclass(frozen=True)
class StoreIndex:
    """Which rows belong to which clip."""

    clips: tuple[Clip, ...]
    first_row: np.ndarray
    """``(clips,)`` int64"""
    rows: np.ndarray
    """``(clips,)`` int64, frames of each clip"""

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Clip id -> its place in the index."""
        return {clip.id: place for place, clip in enumerate(self.clips)}

    def places(self, ids: Sequence[str]) -> np.ndarray:
        """Places of the clips ``ids``, in that order."""
        return np.array([self.position[clip_id] for clip_id in ids], dtype=np.int64)


def split_fault(split: str) -> str | None:
    """What keeps a text from being the name of a split, or None; clips that folds part have none."""
    if not split or _SPLIT.fullmatch(split):
        return None
    return f"split {split!r} is no name: letters, digits, '_', '-' and '.', a letter or digit first"


def write_index(path: Path, records: Iterable[Record]) -> None:
    """Write ``index.csv``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(records)


def read_index(file: BinaryIO, splits: Sequence[str] | None) -> tuple[StoreIndex, list[Record]]:
    """Read ``index.csv`` and check every line of it.

    Args:
        file: open; at most ``MOST_BYTES`` long.
        splits: the only names of splits there may be; None = any name.

    Returns:
        the index, and the records that it was made of.

    Raises:
        Damaged: a line is at fault; it is named.
        Exception: whatever goes wrong in reading.
    """
    records: list[Record] = []
    ids: set[str] = set()
    next_row = 0
    name, text = Path(file.name).name, io.TextIOWrapper(file, "utf-8-sig", newline="")
    for line, record in _lines(csv.reader(text, strict=True), name):
        fault = _header_fault(record) if line == 1 else _fault(record, next_row, ids, splits)
        if fault:
            raise Damaged(f"{name}, line {line}: {fault}")
        if line > 1:
            ids.add(record[0])
            next_row += int(record[2])
            records.append(tuple(record))
    text.detach()
    if not records:
        raise Damaged(f"{name} lists no clip")
    return _index(records), records


def _lines(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line each begins on: a quoted text may go over several."""
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Damaged(f"{name}, line {line}: {error}") from error


def _header_fault(header: list[str]) -> str | None:
    if tuple(header) == COLUMNS:
        return None
    missing = [name for name in COLUMNS if name not in header]
    what = f"column {missing[0]} is missing" if missing else f"the columns are {', '.join(header)}"
    return f"{what}; a store has {', '.join(COLUMNS)}"


def _fault(record: list[str], next_row: int, ids: set[str], splits: Sequence[str] | None) -> str | None:
    if len(record) != len(COLUMNS):
        return f"{len(record)} values for {len(COLUMNS)} columns"
    clip_id, first_row, rows, _, split = record[:5]
    if not clip_id:
        return "the id is empty"
    if clip_id in ids:
        return f"id {clip_id!r} came before; ids are unique"
    if not _COUNT.fullmatch(rows):
        return f"rows is {rows!r}; a clip has a whole number of rows, at least 1"
    if first_row != str(next_row):
        return f"first_row is {first_row!r}, but the clips before it end at row {next_row}"
    if splits is not None and split not in splits:
        return f"unknown split {split!r}; there are {', '.join(filter(None, splits))}"
    return split_fault(split)


def _index(records: Sequence[Record]) -> StoreIndex:
    clips = tuple(Clip(r[0], r[3], r[4], r[5] or None, (r[6],) if r[6] else ()) for r in records)
    rows = np.array([int(r[2]) for r in records], dtype=np.int64)
    return StoreIndex(clips, np.concatenate([[0], rows.cumsum()[:-1]]), rows)
