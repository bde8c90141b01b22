"""What a set of predictions is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.contract.judging import ACCURACY_IN_M, F1_IN_M, POSITIVE, USUAL, Judging


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model said of the clips of one split. Equal where every digit and its type are."""

    ids: tuple[str, ...]
    labels: np.ndarray
    """``(clips,)`` true class numbers, int64"""
    log_probabilities: np.ndarray
    """``(clips, classes)`` float32"""
    subjects: tuple[str | None, ...] | None = None
    """who each clip shows, None where that is not known; None for all in results of before this was kept"""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Predictions):
            return NotImplemented
        return (
            self.ids == other.ids
            and self.subjects == other.subjects
            and _same(self.labels, other.labels)
            and _same(self.log_probabilities, other.log_probabilities)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @property
    def predicted(self) -> np.ndarray:
        """``(clips,)`` the most probable class."""
        return self.log_probabilities.argmax(axis=1)


def confusion(predictions: Predictions) -> np.ndarray:
    """``(classes, classes)`` counts; rows are the truth, columns what was predicted."""
    return counted(predictions.labels, predictions.predicted, predictions.log_probabilities.shape[1])


def counted(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """``confusion`` of class numbers ``(clips,)``."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def scores(predictions: Predictions, judging: Judging = USUAL) -> dict[str, float]:
    """Each metric of ``judging`` in its order, then mean cross-entropy; all as fractions or nats.

    ``accuracy`` is WAR. ``uar`` averages the recall of the classes that occur; ``f1`` is macro F1 over the
    classes that occur or were predicted, as scikit-learn has it; ``m`` weighs accuracy and macro F1.
    ``positive_f1`` comes with ``positive_precision`` and ``positive_recall``.
    """
    values = of_counts(confusion(predictions), judging)
    chosen = predictions.log_probabilities[np.arange(len(predictions.labels)), predictions.labels]
    return {**values, "loss": float(-chosen.mean())}


def of_counts(counts: np.ndarray, judging: Judging) -> dict[str, float]:
    """``scores`` of a confusion matrix ``(classes, classes)``, as far as it tells them."""
    hits = np.diag(counts).astype(float)
    true, claimed = counts.sum(axis=1), counts.sum(axis=0)
    occurs, either = true > 0, (true + claimed) > 0
    accuracy = float(hits.sum() / counts.sum())
    f1 = float((2 * hits[either] / (true + claimed)[either]).mean())
    values = {
        "accuracy": accuracy,
        "uar": float((hits[occurs] / true[occurs]).mean()),
        "f1": f1,
        "m": ACCURACY_IN_M * accuracy + F1_IN_M * f1,
    }
    extra = {}
    if judging.positive is not None:
        hit, of, said = (float(numbers[judging.positive]) for numbers in (hits, true, claimed))
        values[POSITIVE] = _share(2 * hit, of + said)
        extra = {"positive_precision": _share(hit, said), "positive_recall": _share(hit, of)}
    return {**{name: values[name] for name in judging.metrics}, **extra}


def _share(part: float, whole: float) -> float:
    """0 of nothing, as scikit-learn has it."""
    return part / whole if whole else 0.0


def chance(train_labels: np.ndarray, labels: np.ndarray, judging: Judging = USUAL) -> float:
    """Score on ``labels``, by the metric that decides, of always naming the most frequent training class."""
    named = int(np.bincount(train_labels).argmax())
    classes = 1 + max(named, int(labels.max()), judging.positive or 0)
    return of_counts(counted(labels, np.full_like(labels, named), classes), judging)[judging.decides]


def pool(parts: list[Predictions]) -> Predictions:
    """The predictions of all folds as one set; subjects where every part knows of them."""
    known = [part.subjects for part in parts if part.subjects is not None]
    return Predictions(
        tuple(clip_id for part in parts for clip_id in part.ids),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.log_probabilities for part in parts]),
        tuple(subject for part in known for subject in part) if len(known) == len(parts) else None,
    )


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)
