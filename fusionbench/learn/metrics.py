"""What a set of predictions is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    classes = predictions.log_probabilities.shape[1]
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (predictions.labels, predictions.predicted), 1)
    return counts


def scores(predictions: Predictions) -> dict[str, float]:
    """Accuracy (WAR), UAR, macro F1 and mean cross-entropy, all as fractions or nats.

    UAR averages the recall of the classes that occur; macro F1 averages over the
    classes that occur or were predicted, as scikit-learn does.
    """
    counts = confusion(predictions)
    hits = np.diag(counts).astype(float)
    true, claimed = counts.sum(axis=1), counts.sum(axis=0)
    occurs, counted = true > 0, (true + claimed) > 0
    chosen = predictions.log_probabilities[np.arange(len(predictions.labels)), predictions.labels]
    return {
        "accuracy": float(hits.sum() / counts.sum()),
        "uar": float((hits[occurs] / true[occurs]).mean()),
        "f1": float((2 * hits[counted] / (true + claimed)[counted]).mean()),
        "loss": float(-chosen.mean()),
    }


def chance(train_labels: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy on ``labels`` of always naming the most frequent training class."""
    return float((labels == np.bincount(train_labels).argmax()).mean())


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
