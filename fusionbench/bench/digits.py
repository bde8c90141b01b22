"""A run's digits: exact losses of every epoch, hashes of its predictions; and what two runs have in common.

An epoch's two losses are written as hexadecimal floats: the mean of all batches in float64, so that a
batch that differs in its last digit is seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusionbench.bench.outcome import FoldOutcome
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import canonical
from fusionbench.contract.reading import reason
from fusionbench.learn.metrics import Predictions
from fusionbench.track.records import has_artifact, read_json
from fusionbench.track.runs import TrackedRun

DIGITS = "digits.json"
SAME_DIGITS, SAME_PREDICTIONS = "same digits", "same predictions"
WITHIN_SEEDS, DIFFERS = "within the spread of seeds", "differs"
VERDICTS = (SAME_DIGITS, SAME_PREDICTIONS, WITHIN_SEEDS, DIFFERS)
"""from the best to the worst"""
_LOSSES = ("train/loss", "selection/loss")


@dataclass(frozen=True)
class Digits:
    """What of a run can be compared to the last bit."""

    epochs: tuple[dict[str, str], ...] | None
    """of each epoch its losses on train and selection, as hexadecimal floats; None where none were kept"""
    report: dict[str, str]
    """of the selected epoch: SHA-256 of ``predictions`` (ids and log-probabilities) and of ``classes``
    (ids and most probable classes)"""
    report_last: dict[str, str]
    """of the last epoch"""

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"epochs": self.epochs, "report": self.report, "report_last": self.report_last}


def digits_of(outcome: FoldOutcome) -> Digits:
    """The digits of a finished fold."""
    epochs = tuple({name: float(epoch[name]).hex() for name in _LOSSES} for epoch in outcome.history)
    return Digits(epochs or None, _hashes(outcome.report), _hashes(outcome.report_last))


def log_digits(tracked: TrackedRun, outcome: FoldOutcome) -> None:
    """Keep them in the run."""
    tracked.log_json(digits_of(outcome).plain(), DIGITS)


def read_digits(run_id: str, outcome: FoldOutcome) -> Digits:
    """The digits of a run as they were kept; of a run of before, those that its result gives."""
    if not has_artifact(run_id, DIGITS):
        return digits_of(outcome)
    found = read_json(run_id, DIGITS)
    try:
        epochs = tuple(
            {name: float.fromhex(epoch[name]).hex() for name in _LOSSES} for epoch in found["epochs"]
        )
        return Digits(epochs, {**found["report"]}, {**found["report_last"]})
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the artifact {DIGITS} of run {run_id} is damaged: {reason(error)}.") from error


def first_epoch_apart(then: Digits, now: Digits) -> int | None:
    """The first epoch, from 1, whose losses are not the same; None where all are, or none were kept."""
    if then.epochs is None or now.epochs is None:
        return None
    pairs = zip(then.epochs, now.epochs, strict=False)
    differ = next((k for k, (one, other) in enumerate(pairs, 1) if one != other), None)
    if differ is None and len(then.epochs) != len(now.epochs):
        return min(len(then.epochs), len(now.epochs)) + 1
    return differ


def in_common(then: Digits, now: Digits) -> str | None:
    """``same digits``, ``same predictions``, or None where a clip is said to be of another class."""
    if first_epoch_apart(then, now) is None and (then.report, then.report_last) == (
        now.report,
        now.report_last,
    ):
        return SAME_DIGITS
    return SAME_PREDICTIONS if then.report["classes"] == now.report["classes"] else None


def _hashes(predictions: Predictions) -> dict[str, str]:
    """Log-probabilities are float32 when they are made, however they are kept."""
    ids = canonical(list(predictions.ids)).encode()
    exact = np.ascontiguousarray(predictions.log_probabilities, dtype="<f4").tobytes()
    classes = np.ascontiguousarray(predictions.predicted, dtype="<i8").tobytes()
    return {
        "predictions": hashlib.sha256(ids + exact).hexdigest(),
        "classes": hashlib.sha256(ids + classes).hexdigest(),
    }
