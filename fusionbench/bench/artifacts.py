"""What a finished run leaves in MLflow: exact figures, predictions, pictures, weights."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.bench.claim import FOLDS, RUN
from fusionbench.bench.outcome import FoldOutcome, Outcome, averaged_metrics, pooled_metrics
from fusionbench.bench.source import RunData
from fusionbench.figures.confusion import confusion_matrix
from fusionbench.figures.curves import learning_curves
from fusionbench.learn.checkpoint import save_weights
from fusionbench.learn.fit import Fitted
from fusionbench.learn.metrics import Predictions, confusion
from fusionbench.track.records import read_json
from fusionbench.track.runs import TrackedRun
from fusionbench.track.view import order_tag

OUTCOME = "outcome.json"


def log_fold(tracked: TrackedRun, outcome: FoldOutcome, fitted: Fitted, data: RunData) -> None:
    """Metrics and artifacts of one fold."""
    tracked.log_metrics(
        {
            **{name: value for name, value in outcome.metrics.items() if name.startswith("report")},
            "report/chance": outcome.chance,
            **{f"cost/{name}": value for name, value in outcome.cost.items()},
            "selection/epoch": outcome.selected_epoch,
        }
    )
    tracked.set_tags(order_tag(RUN, outcome.metrics["report/accuracy"]))
    classes = data.dataset.classes
    split = "report split"
    tracked.log_json(_plain(outcome), OUTCOME)
    tracked.log_table(_prediction_table(outcome.report, classes), "predictions.json")
    tracked.log_figure(
        confusion_matrix(
            confusion(outcome.report), classes, f"{split}, fold {outcome.fold}", stand_in=data.stand_in
        ),
        "confusion.png",
    )
    tracked.log_figure(
        learning_curves(dict(enumerate(fitted.history, 1)), outcome.selected_epoch, stand_in=data.stand_in),
        "learning_curves.png",
    )
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "head.safetensors"
        save_weights(fitted.model.head, weights)
        tracked.log_file(weights, "weights")


def log_folds(tracked: TrackedRun, outcome: Outcome) -> None:
    """Pooled and averaged metrics of several folds, under names that no single run uses."""
    pooled = {f"pooled_{name}": value for name, value in pooled_metrics(outcome.folds).items()}
    averaged = {n: v for n, v in averaged_metrics(outcome.folds).items() if n.startswith("report")}
    tracked.log_metrics({**pooled, **averaged, "pooled_report/chance": outcome.chance})
    tracked.set_tags(order_tag(FOLDS, outcome.metrics["report/accuracy"]))
    tracked.log_json(outcome.plain(), OUTCOME)


def read_fold(run_id: str) -> FoldOutcome:
    """A finished fold as it was logged, exact to the last digit."""
    stored = read_json(run_id, OUTCOME)
    return FoldOutcome(
        **{
            **stored,
            "reused": True,
            "report": _predictions(stored["report"]),
            "report_last": _predictions(stored["report_last"]),
        }
    )


def _plain(outcome: FoldOutcome) -> dict[str, Any]:
    plain = dict(vars(outcome))
    for split in ("report", "report_last"):
        predictions: Predictions = plain[split]
        plain[split] = {
            "ids": list(predictions.ids),
            "labels": predictions.labels.tolist(),
            "log_probabilities": predictions.log_probabilities.astype(float).tolist(),
        }
    return plain


def _predictions(stored: dict[str, Any]) -> Predictions:
    return Predictions(
        tuple(stored["ids"]), np.array(stored["labels"]), np.array(stored["log_probabilities"])
    )


def _prediction_table(predictions: Predictions, classes: tuple[str, ...]) -> dict[str, list[Any]]:
    """One row a clip: id, truth, prediction, probability of each class."""
    probabilities = np.exp(predictions.log_probabilities)
    return {
        "clip": list(predictions.ids),
        "label": [classes[k] for k in predictions.labels],
        "predicted": [classes[k] for k in predictions.predicted],
        "correct": (predictions.labels == predictions.predicted).tolist(),
        **{f"p({name})": probabilities[:, k].round(4).tolist() for k, name in enumerate(classes)},
    }
