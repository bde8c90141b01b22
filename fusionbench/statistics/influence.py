"""What each clip contributes to a score of the whole confusion matrix, so that the score can be tested.

UAR and F1 are not means over clips. Their influence values are: the derivative of the score by the
share of clips in this clip's cell of the confusion matrix, centred. To first order the score moves with
the mean of these values, so the paired test on them is the test of the score. It agrees with leaving
groups out one at a time (the jackknife) and costs one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from fusionbench.contract.judging import ACCURACY_IN_M, F1_IN_M, POSITIVE


@dataclass(frozen=True)
class Influence:
    """A score, and how much each clip moves it."""

    score: float
    values: np.ndarray
    """``(clips,)``, mean 0"""

    @property
    def per_clip(self) -> np.ndarray:
        """``(clips,)`` values whose mean is the score; for accuracy, whether each clip is right."""
        return self.score + self.values


@dataclass(frozen=True)
class _Cells:
    """One head's predictions, and shares of clips by class."""

    labels: np.ndarray
    predicted: np.ndarray
    hit: np.ndarray
    """``(clips,)`` 1 where right"""
    true: np.ndarray
    """``(classes,)`` share of clips of each class"""
    claimed: np.ndarray
    """``(classes,)`` share of clips predicted as each class"""
    right: np.ndarray
    """``(classes,)`` share of clips of each class that were predicted so"""


def accuracy(labels: ArrayLike, predicted: ArrayLike, classes: int) -> Influence:
    """Share of clips that are right (WAR).

    Args:
        labels: ``(clips,)`` true class numbers.
        predicted: ``(clips,)`` predicted class numbers.
        classes: how many classes there are.

    Raises:
        ValueError: no clips, two lengths, or a class number outside the classes.
    """
    cells = _cells(labels, predicted, classes)
    score = float(cells.hit.mean())
    return Influence(score, cells.hit - score)


def uar(labels: ArrayLike, predicted: ArrayLike, classes: int) -> Influence:
    """Mean recall of the classes that occur. Arguments and errors as for ``accuracy``."""
    cells = _cells(labels, predicted, classes)
    occurs = cells.true > 0
    weight = np.divide(1 / occurs.sum(), cells.true, out=np.zeros(classes), where=occurs)
    recall = np.divide(cells.right, cells.true, out=np.zeros(classes), where=occurs)
    values = weight[cells.labels] * (cells.hit - recall[cells.labels])
    return Influence(float(recall[occurs].mean()), values)


def macro_f1(labels: ArrayLike, predicted: ArrayLike, classes: int) -> Influence:
    """Mean F1 of the classes that occur or were predicted. Arguments and errors as for ``accuracy``."""
    cells = _cells(labels, predicted, classes)
    counted = (cells.true + cells.claimed) > 0
    return _f1(cells, counted / counted.sum())


def positive_f1(labels: ArrayLike, predicted: ArrayLike, classes: int, positive: int) -> Influence:
    """F1 of one class. Arguments as for ``accuracy``.

    Raises:
        ValueError: as for ``accuracy``, or no clip is of the positive class.
    """
    cells = _cells(labels, predicted, classes)
    if not 0 <= positive < classes or cells.true[positive] == 0:
        raise ValueError(f"no clip is of class {positive}, so it has no F1")
    return _f1(cells, np.eye(classes)[positive])


def m_score(labels: ArrayLike, predicted: ArrayLike, classes: int) -> Influence:
    """0.33 accuracy + 0.67 macro F1. Arguments and errors as for ``accuracy``."""
    share, f1 = accuracy(labels, predicted, classes), macro_f1(labels, predicted, classes)
    return Influence(
        ACCURACY_IN_M * share.score + F1_IN_M * f1.score,
        ACCURACY_IN_M * share.values + F1_IN_M * f1.values,
    )


INFLUENCES: dict[str, Callable[[ArrayLike, ArrayLike, int], Influence]] = {
    "accuracy": accuracy,
    "uar": uar,
    "f1": macro_f1,
    "m": m_score,
}
"""name of a metric -> its influence values; F1 of a positive class needs its number beside these"""


def per_clip(
    metric: str, labels: ArrayLike, predicted: ArrayLike, classes: int, positive: int | None = None
) -> np.ndarray:
    """``(seeds, clips)`` values of one head whose mean over a seed's clips is that seed's score.

    What these give for A minus what they give for B is what ``paired`` tests.

    Args:
        metric: a name in ``INFLUENCES``, or ``positive_f1``.
        labels: ``(clips,)`` true class numbers.
        predicted: ``(seeds, clips)`` predicted class numbers.
        classes: how many classes there are.
        positive: number of the positive class, for ``positive_f1``.

    Raises:
        ValueError: as for ``accuracy``.
        KeyError: an unknown metric.
    """
    find = INFLUENCES.get(metric)
    if metric == POSITIVE and positive is not None:
        find = partial(positive_f1, positive=positive)
    if find is None:
        raise KeyError(metric)
    return np.stack([find(labels, row, classes).per_clip for row in np.atleast_2d(predicted)])


def _f1(cells: _Cells, weights: np.ndarray) -> Influence:
    """Weighted mean of the classes' F1 = 2 right / (true + claimed), and its derivative by cell."""
    size = cells.true + cells.claimed
    f1 = np.divide(2 * cells.right, size, out=np.zeros(len(size)), where=size > 0)
    slope = np.divide(weights, size, out=np.zeros(len(size)), where=size > 0)
    values = 2 * slope[cells.labels] * cells.hit - (slope * f1)[cells.labels] - (slope * f1)[cells.predicted]
    return Influence(float(weights @ f1), values)


def _cells(labels: ArrayLike, predicted: ArrayLike, classes: int) -> _Cells:
    true, said = np.asarray(labels), np.asarray(predicted)
    if true.ndim != 1 or true.shape != said.shape or not len(true):
        raise ValueError(
            f"labels have shape {true.shape}, predictions {said.shape}; both must be (clips,), not empty"
        )
    for what, numbers in (("label", true), ("prediction", said)):
        if not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0 or numbers.max() >= classes:
            raise ValueError(f"a {what} is no class number from 0 to {classes - 1}")
    hit = (true == said).astype(float)

    def share(numbers: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(numbers, weights, classes) / len(true)

    return _Cells(true, said, hit, share(true), share(said), share(true, hit))
