"""A trial: a run that is trained and judged on the selection split; the report split is never opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fusionbench.bench.build import build, seed_everything
from fusionbench.bench.claim import TRIAL, Claim, claim
from fusionbench.bench.disk import refuse_full_disk
from fusionbench.bench.load import load_learning
from fusionbench.bench.provenance import CONFIG
from fusionbench.bench.run import Surroundings, fit_model, fold_identity
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import track
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.dataset import Fold
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.hooks import RunInfo
from fusionbench.contract.reading import reason
from fusionbench.learn.fit import Stop
from fusionbench.track.records import read_json
from fusionbench.track.view import order_tag

OUTCOME = "trial.json"
PRUNED_TAG = "fusionbench.pruned"


@dataclass(frozen=True)
class Note:
    """What a study says of a trial that it has run."""

    label: str
    """``trial 3``"""
    tags: tuple[tuple[str, str], ...] = ()
    floors: tuple[float, ...] = ()
    """lowest score that each epoch must have reached, or the trial ends there; empty: it runs to its end"""
    owner: str = ""
    """identity of the study, where floors make the outcome its own; empty where any study may take it"""


@dataclass(frozen=True)
class TrialOutcome:
    """A finished trial."""

    fold: str
    run_id: str
    identity: str
    metric: str
    """what chose the epoch, and what the study chooses by"""
    score: float
    """of the selected epoch, on the selection split"""
    metrics: dict[str, float]
    """``train/*`` and ``selection/*`` of the selected epoch"""
    selected_epoch: int
    history: list[dict[str, float]] = field(default_factory=list)
    """each epoch's metrics, and ``seconds`` of its training steps"""
    pruned_at: int | None = None
    """the epoch it was ended at before its last"""
    resumed_at: int = 0
    reused: bool = False

    @property
    def curve(self) -> list[float]:
        """The score on the selection split, epoch by epoch."""
        return [epoch[f"selection/{self.metric}"] for epoch in self.history]

    @property
    def seconds(self) -> float:
        """Of its training steps."""
        return sum(epoch.get("seconds", 0.0) for epoch in self.history)


def trial_identity(config: RunConfig, data: RunData, fold: Fold, owner: str = "") -> str:
    """Never that of a run: what a trial leaves is no result."""
    return digest([TRIAL, fold_identity(config, data, fold), owner])


def run_trial(config: RunConfig, data: RunData, fold: Fold, around: Surroundings, note: Note) -> TrialOutcome:
    """Train on one fold and judge on its selection split, unless the very same trial is finished.

    Raises:
        Busy: another process works on it, and waiting was not wanted.
    """
    identity = trial_identity(config, data, fold, note.owner)
    with claim(identity, around.watch, wait=around.wait, kind=TRIAL) as held:
        if held.finished:
            return read_trial(held.finished)
        return _run_claimed(config, data, fold, held, around, note)


def _run_claimed(
    config: RunConfig, data: RunData, fold: Fold, held: Claim, around: Surroundings, note: Note
) -> TrialOutcome:
    seed_everything(config)
    loaders = load_learning(config, data, fold)
    model = build(config, data, loaders)
    refuse_full_disk(model)
    notes = around.notes
    opened = notes.trial(held.identity, fold.name, note.label)
    opened["tags"] |= dict(note.tags)
    metric = data.judging(config).decides
    with track(opened, held, around.watch, around.parent) as tracked:
        tracked.log_json(notes.config, CONFIG)
        info = RunInfo(opened["name"], held.identity, config.plain(), data.stand_in)
        unobserved = replace(around, catalog=Catalog())  # observers are told of runs
        stop = _below(note.floors, f"selection/{metric}") if note.floors else None
        fitted = fit_model(config, data, model, loaders, held, tracked, info, unobserved, stop)
        chosen = fitted.history[fitted.selected_epoch - 1]
        epochs = 1 if model.head.solved else config.options.training.epochs
        outcome = TrialOutcome(
            fold=fold.name,
            run_id=tracked.run_id,
            identity=held.identity,
            metric=metric,
            score=chosen[f"selection/{metric}"],
            metrics=dict(chosen),
            selected_epoch=fitted.selected_epoch,
            history=fitted.epochs(),
            pruned_at=len(fitted.history) if len(fitted.history) < epochs else None,
            resumed_at=fitted.resumed_at,
        )
        tracked.log_metrics({f"trial/{metric}": outcome.score, "selection/epoch": outcome.selected_epoch})
        tracked.set_tags(order_tag(TRIAL, outcome.score))
        if outcome.pruned_at is not None:
            tracked.set_tags({PRUNED_TAG: f"after epoch {outcome.pruned_at} of {epochs}"})
        tracked.log_json(vars(outcome), OUTCOME)
    return outcome


def _below(floors: Sequence[float], metric: str) -> Stop:
    """Whether the best so far has stayed below what this epoch must have reached."""

    def stop(history: Sequence[Mapping[str, float]]) -> bool:
        reached = max(epoch[metric] for epoch in history)
        return len(history) <= len(floors) and reached < floors[len(history) - 1]

    return stop


def read_trial(run_id: str) -> TrialOutcome:
    """A finished trial as it was logged, exact to the last digit.

    Raises:
        UserError: the run is no finished trial, or what it holds is damaged.
    """
    stored: Any = read_json(run_id, OUTCOME)
    try:
        return TrialOutcome(**{**stored, "reused": True})
    except TypeError as error:
        raise UserError(f"the artifact {OUTCOME!r} of run {run_id!r} is damaged: {reason(error)}.") from error
