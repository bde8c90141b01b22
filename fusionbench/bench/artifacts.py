"""What a finished run leaves in MLflow: exact figures, predictions, pictures, the model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.bench.build import before_model, front_end_of, takes_streams
from fusionbench.bench.claim import FOLDS, KIND_TAG, REPRODUCTION, RUN
from fusionbench.bench.model_file import FOLDER, FORMAT, Array, Description, Part, write_model
from fusionbench.bench.outcome import FoldOutcome, Outcome, averaged_metrics, pooled_metrics
from fusionbench.bench.parts import parts_line
from fusionbench.bench.predictions_file import (
    NAME as PREDICTIONS,
    FoldPredictions,
    read_predictions,
    write_predictions,
)
from fusionbench.bench.source import RunData
from fusionbench.catalog.identity import source_hash, toolkit_hash
from fusionbench.catalog.run_config import Chosen, RunConfig
from fusionbench.contract.judging import USUAL, Judging
from fusionbench.learn.checkpoint import tensors_of
from fusionbench.learn.fit import Fitted
from fusionbench.learn.front_end import Model
from fusionbench.learn.metrics import Predictions, confusion
from fusionbench.track.records import RunRecord, read_file, read_json
from fusionbench.track.runs import TrackedRun
from fusionbench.track.view import order_tag

OUTCOME = "outcome.json"
TABLE = "predictions.json"
LEAK_TAG = "fusionbench.subject_leak"
_SHOWN = 1000
"""rows of the table of predictions that MLflow shows"""


def log_fold(tracked: TrackedRun, outcome: FoldOutcome, fitted: Fitted, data: RunData) -> None:
    """Metrics and artifacts of one fold."""
    from fusionbench.figures.confusion import confusion_matrix
    from fusionbench.figures.curves import learning_curves

    tracked.log_metrics(
        {
            **{name: value for name, value in outcome.metrics.items() if name.startswith("report")},
            "report/chance": outcome.chance,
            **{f"cost/{name}": value for name, value in outcome.cost.items()},
            "selection/epoch": outcome.selected_epoch,
        }
    )
    metric = outcome.judging.decides
    tracked.set_tags({**order_tag(RUN, outcome.metrics[f"report/{metric}"]), **_part_tags(outcome)})
    classes = data.dataset.classes
    tracked.log_json(_plain(outcome), OUTCOME)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PREDICTIONS
        write_predictions(file, FoldPredictions(outcome.report, outcome.report_last, classes))
        tracked.log_file(file)
    tracked.log_table(_first_predictions(outcome.report, classes), TABLE)
    tracked.log_figure(
        lambda: confusion_matrix(confusion(outcome.report), classes, stand_in=data.stand_in),
        "confusion.png",
        "confusion.svg",
    )
    tracked.log_figure(
        lambda: learning_curves(
            dict(enumerate(fitted.history, 1)),
            outcome.selected_epoch,
            metric=metric,
            stand_in=data.stand_in,
        ),
        "learning_curves.png",
        "learning_curves.svg",
    )


def keep_model(
    tracked: TrackedRun,
    config: RunConfig,
    data: RunData,
    model: Model,
    name: str,
    outcome: FoldOutcome,
    trained_on: Sequence[str],
) -> None:
    """The whole model with its selected epoch's weights, for ``fb.load_model``.

    Args:
        tracked: the fold's run.
        config: what was run.
        data: on what.
        model: front end and head.
        name: the run's.
        outcome: what came of it.
        trained_on: ids of the training clips.
    """
    learnt = (
        () if takes_streams(config.backbone, config.options.front_end) else (config.backbone, config.relation)
    )
    prepared = data.dataset.preparation()
    about = Description(
        format=FORMAT,
        fusionbench=version("fusionbench"),
        toolkit=toolkit_hash(),
        name=name,
        run_id=outcome.run_id,
        identity=outcome.identity,
        fold=outcome.fold,
        selected_epoch=outcome.selected_epoch,
        stand_in=data.stand_in,
        classes=data.dataset.classes,
        inputs=tuple(Array(name=n, shape=array.shape[1:]) for n, array in data.arrays.items()),
        streams=tuple(Array(name=n, shape=(dim,)) for n, dim in model.spec.dims.items()),
        max_time=model.spec.max_time,
        frames=data.window.window if data.window else config.options.sampling.frames,
        front_end=front_end_of(config),
        fusion=_part(config.fusion),
        relation=_part(config.relation) if learnt and config.relation else None,
        backbone=_part(config.backbone) if learnt and config.backbone else None,
        config=config.plain(),
        before={
            kind: _part(chosen).model_copy(update={"weights": data.weights.get(kind)})
            for kind, chosen in before_model(config).items()
        },
        preparation=None if prepared is None else dict(prepared),
        single_frames=data.window is not None and not data.each_step,
        each_step=data.each_step,
        clip_frames=int(np.median(data.index.rows[data.index.places(trained_on)])),
        longest_clip=int(data.index.rows.max()),
    )
    with tempfile.TemporaryDirectory() as folder:
        for file in write_model(Path(folder), tensors_of(model), about):
            tracked.log_file(file, FOLDER)


def _part(chosen: Chosen) -> Part:
    return Part(
        name=chosen.name,
        plugin=chosen.plugin,
        version=chosen.version,
        code=source_hash(chosen.cls),
        options=chosen.options.model_dump(mode="json"),
    )


def log_folds(tracked: TrackedRun, outcome: Outcome) -> None:
    """Pooled and averaged metrics of several folds, under names that no single run uses."""
    pooled = {f"pooled_{name}": value for name, value in pooled_metrics(outcome.folds).items()}
    averaged = {n: v for n, v in averaged_metrics(outcome.folds).items() if n.startswith("report")}
    tracked.log_metrics({**pooled, **averaged, "pooled_report/chance": outcome.chance})
    leaks = [fold.subject_leak for fold in outcome.folds if fold.subject_leak]
    if leaks:
        tracked.set_tags({LEAK_TAG: f"in {len(leaks)} of {len(outcome.folds)} folds"})
    tracked.set_tags(order_tag(FOLDS, outcome.metrics[f"report/{outcome.judging.decides}"]))
    tracked.log_json(outcome.plain(), OUTCOME)


def _part_tags(outcome: FoldOutcome) -> dict[str, str]:
    """What the runs table says of the fold's parts; a leak's tag is there where there is a leak."""
    tags = {"fusionbench.parts": parts_line(outcome.parts)}
    if outcome.subject_leak:
        shared = outcome.subject_leak
        tags[LEAK_TAG] = f"{shared['count']} of {shared['of']}"
    return tags


def has_folds(record: RunRecord) -> bool:
    """Whether a run is the parent of folds, or of their reproductions."""
    kind = record.tags.get(KIND_TAG)
    return kind == FOLDS or (kind == REPRODUCTION and record.params.get("fold") == "all")


def fold_ids(record: RunRecord) -> dict[str, str]:
    """Fold -> id of its run, in their order; empty for a run of one fold.

    Raises:
        UserError: it holds no result.
    """
    if not has_folds(record):
        return {}
    return {fold["name"]: fold["run_id"] for fold in read_json(record.run_id, OUTCOME)["folds"]}


def read_fold(run_id: str) -> FoldOutcome:
    """A finished fold as it was logged, exact to the last digit.

    Raises:
        UserError: the run holds no result, or what it holds is damaged.
    """
    stored = read_json(run_id, OUTCOME)
    if "report" in stored:
        said = {split: _embedded(stored[split]) for split in ("report", "report_last")}
    else:
        found = read_predictions(read_file(run_id, PREDICTIONS))
        said = {"report": found.report, "report_last": found.report_last}
    judging = _judging(stored.get("judging"))
    return FoldOutcome(**{**stored, **said, "reused": True, "judging": judging})


def _judging(stored: dict[str, Any] | None) -> Judging:
    """As it was stored; results of before it was kept were judged as usual."""
    return Judging(tuple(stored["metrics"]), stored["positive"]) if stored else USUAL


def read_fold_predictions(run_id: str) -> FoldPredictions:
    """What a finished fold's model said, with the names of the classes; errors as ``read_fold``."""
    stored = read_json(run_id, OUTCOME)
    if "report" not in stored:
        return read_predictions(read_file(run_id, PREDICTIONS))
    columns = read_json(run_id, TABLE)["columns"]
    classes = tuple(name[2:-1] for name in columns if name.startswith("p("))
    return FoldPredictions(_embedded(stored["report"]), _embedded(stored["report_last"]), classes)


def _plain(outcome: FoldOutcome) -> dict[str, Any]:
    """All but the predictions."""
    plain = {name: value for name, value in vars(outcome).items() if not isinstance(value, Predictions)}
    return {**plain, "judging": vars(outcome.judging)}


def _embedded(stored: dict[str, Any]) -> Predictions:
    """Out of a result of before predictions had a file of their own."""
    return Predictions(
        tuple(stored["ids"]),
        np.array(stored["labels"], dtype=np.int64),
        np.array(stored["log_probabilities"], dtype=np.float32),
    )


def _first_predictions(predictions: Predictions, classes: tuple[str, ...]) -> dict[str, list[Any]]:
    """One row a clip: id, truth, prediction, probability of each class; the first of them."""
    labels, predicted = predictions.labels[:_SHOWN], predictions.predicted[:_SHOWN]
    probabilities = np.exp(predictions.log_probabilities[:_SHOWN])
    return {
        "clip": list(predictions.ids[:_SHOWN]),
        "label": [classes[k] for k in labels],
        "predicted": [classes[k] for k in predicted],
        "correct": (labels == predicted).tolist(),
        **{f"p({name})": probabilities[:, k].round(4).tolist() for k, name in enumerate(classes)},
    }
