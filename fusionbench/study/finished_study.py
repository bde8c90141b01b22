"""A finished study read back from what its own MLflow run keeps, even if components changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.bench.claim import KIND_TAG, STUDY
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import reason
from fusionbench.study.finished import NAMED_BY, read_outcome
from fusionbench.study.ledger import Trial
from fusionbench.study.ranking import Spread
from fusionbench.study.space import Axis, Space
from fusionbench.study.tuned import FoldSearch, Tuned
from fusionbench.study.tuned_log import CHOICE, TUNED
from fusionbench.study.tuning import Tuning
from fusionbench.track.records import get_run, read_json


@dataclass(frozen=True)
class KeptDesign:
    """What a study was to search, and how, as it was written down."""

    question: str
    request: Request
    space: Space
    default: Mapping[str, Any]
    sampler: str
    total: int
    seeds: list[int]
    epochs: int
    tuning: Tuning


def read_study(run_id: str) -> Tuned:
    """Rebuild a study from its own run, and from the runs that judged what it chose.

    Raises:
        UserError: there is no such run, it is no finished study, or what it holds is damaged.
    """
    record = get_run(run_id)
    if record.tags.get(KIND_TAG) != STUDY:
        kind = record.tags.get(KIND_TAG, "no run of fusionbench")
        raise UserError(
            f"{record.name} ({record.run_id}) is no study: {kind}. "
            "`fusionbench runs --kind study` lists studies."
        )
    try:
        said = read_json(record.run_id, TUNED)
    except UserError:  # nothing was judged
        said = read_json(record.run_id, CHOICE)
    try:
        return Tuned(
            design=_design(said["declared"]),
            study=record.tags[NAMED_BY[STUDY]],
            run_id=record.run_id,
            mlflow_experiment=said["mlflow_experiment"],
            mlflow_experiment_id=record.experiment_id,
            stand_in=said["stand_in"],
            metric=said["metric"],
            folds=tuple(_fold(fold) for fold in said["folds"]),
            outcomes=[read_outcome(run) for run in said["runs"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"what study {record.run_id!r} keeps is damaged: {reason(error)}.") from error


def _design(said: Mapping[str, Any]) -> KeptDesign:
    registry = Path(said["registry"]) if said["registry"] else None
    return KeptDesign(
        question=said["question"],
        request=Request(said["request"], registry=registry),
        space=Space(tuple(_axis(key, kept) for key, kept in said["space"].items())),
        default={key: _hashable(value) for key, value in said["default"].items()},
        sampler=said["sampler"],
        total=said["total"],
        seeds=said["seeds"],
        epochs=said["epochs"],
        tuning=Tuning(seeds=len(said["seeds"]), confirm=said["confirm"], prune=said["prune"]),
    )


def _axis(key: str, kept: Any) -> Axis:
    if isinstance(kept, list):
        return Axis(key, tuple(map(_hashable, kept)))
    low, high = kept["low"], kept["high"]
    return Axis.between(
        key, low, high, kept.get("log", False), isinstance(low, int) and isinstance(high, int)
    )


def _fold(said: Mapping[str, Any]) -> FoldSearch:
    return FoldSearch(
        fold=said["fold"],
        trials=[_trial(trial) for trial in said["trials"]],
        unfit=said["unfit"],
        same=said["same"],
        exhausted=said["exhausted"],
        confirmations={int(number): Spread.of(values) for number, values in said["confirmations"].items()},
        importance=said["importance"],
    )


def _trial(said: Mapping[str, Any]) -> Trial:
    point = {key: _hashable(value) for key, value in said["point"].items()}
    lists = {name: tuple(said[name]) for name in ("scores", "run_ids")}
    return Trial(**{**said, **lists, "point": point})


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
