"""Labels of single frames in a store: an array of numbers, and their names in ``store.json``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusionbench.data.array_file import ArrayFile
from fusionbench.data.index import StoreIndex
from fusionbench.data.reading import Damaged, reading

_TYPE = np.dtype("<i4")
_UNJUDGED = -1


class LabelNumbers:
    """Numbers of labels, in the order in which they first come."""

    def __init__(self) -> None:
        self._number = {"": _UNJUDGED}

    @property
    def names(self) -> tuple[str, ...]:
        """The labels so far, in the order of their numbers."""
        return tuple(name for name in self._number if name)

    def of(self, labels: Iterable[str]) -> np.ndarray:
        """``(frames,)`` int32 number of each label, -1 where it is empty."""
        number = self._number
        return np.array([number.setdefault(label, len(number) - 1) for label in labels], dtype=_TYPE)


def labelled(index: StoreIndex, names: Sequence[str], array: ArrayFile) -> StoreIndex:
    """An index whose clips have the labels of their frames.

    Args:
        index: read from the store.
        names: of the labels.
        array: their numbers, ``(rows,)``.

    Raises:
        Damaged: it holds a number that has no name.
    """
    path = Path(array.file.name)
    with reading(path):
        numbers = np.asarray(array.mapped())
    if numbers.min() < _UNJUDGED or numbers.max() >= len(names):
        raise Damaged(f"{path.name} holds a number that none of the {len(names)} labels has")
    text = np.array([*names, ""], dtype=object)[numbers]  # -1 is the last
    ends = np.cumsum(index.rows)
    spans = zip(index.clips, ends - index.rows, ends, strict=True)
    clips = tuple(replace(clip, labels=tuple(text[first:end])) for clip, first, end in spans)
    return StoreIndex(clips, index.first_row, index.rows)
