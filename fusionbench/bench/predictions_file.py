"""``predictions.npz``: what a fold's model said of every clip, with the selected epoch and with the last.

A zip of ``.npy`` arrays that is read without running code. ``labels`` ``(clips,)`` int64;
``report`` and ``report_last`` ``(clips, classes)`` float32, natural logarithms of
probabilities. ``ids``, ``subjects`` and ``classes`` are lists in JSON, as bytes: numpy's own
strings pad all to the longest, cut zeros off their ends and know no null.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.reading import Unreadable, open_regular, reading
from fusionbench.learn.metrics import Predictions

NAME = "predictions.npz"
_SPLITS = ("report", "report_last")


@dataclass(frozen=True)
class FoldPredictions:
    """The predictions of one fold."""

    report: Predictions
    """with the selected epoch's weights"""
    report_last: Predictions
    """with the last epoch's, of the same clips"""
    classes: tuple[str, ...]
    """names, in the order of the log-probabilities"""


def write_predictions(path: Path, said: FoldPredictions) -> None:
    """Write ``predictions.npz``; the same predictions give the same bytes."""
    np.savez_compressed(
        path,
        ids=_packed(said.report.ids),
        subjects=_packed(said.report.subjects),
        classes=_packed(said.classes),
        labels=said.report.labels,
        report=said.report.log_probabilities,
        report_last=said.report_last.log_probabilities,
    )


def read_predictions(path: Path) -> FoldPredictions:
    """What ``write_predictions`` wrote, equal to the last digit.

    Raises:
        UserError: the file is damaged, or is another kind of file.
    """
    with (
        reading("predictions", path, "Copy the run's artifacts again, or run it again."),
        open_regular(path) as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        ids, classes = tuple(_unpacked(stored["ids"])), tuple(_unpacked(stored["classes"]))
        named = _unpacked(stored["subjects"])
        subjects = None if named is None else tuple(named)
        labels = stored["labels"]
        both = {split: stored[split] for split in _SPLITS}
        _check(ids, subjects, labels, both, len(classes))
        report, last = (Predictions(ids, labels, both[split], subjects) for split in _SPLITS)
    return FoldPredictions(report, last, classes)


def _packed(texts: Sequence[str | None] | None) -> np.ndarray:
    return np.frombuffer(json.dumps(texts).encode("ascii"), dtype=np.uint8)


def _unpacked(stored: np.ndarray) -> Any:
    return json.loads(stored.tobytes())


def _check(
    ids: tuple[str, ...],
    subjects: tuple[str | None, ...] | None,
    labels: np.ndarray,
    both: dict[str, np.ndarray],
    classes: int,
) -> None:
    """Every array is of the clips and classes that are named."""
    clips = len(ids)
    shapes = {"labels": labels.shape, **{split: array.shape for split, array in both.items()}}
    expected = {"labels": (clips,), **dict.fromkeys(_SPLITS, (clips, classes))}
    for name, shape in shapes.items():
        if shape != expected[name]:
            raise Unreadable(f"{name} has shape {shape}; {clips} clips need {expected[name]}")
    if subjects is not None and len(subjects) != clips:
        raise Unreadable(f"{len(subjects)} subjects of {clips} clips")
    if labels.dtype.kind not in "iu" or (clips and not 0 <= labels.min() <= labels.max() < classes):
        raise Unreadable(f"a label is no number of the {classes} classes")
