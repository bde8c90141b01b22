"""Does a finished run over and says what it has in common with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusionbench.bench.artifacts import log_folds, read_fold
from fusionbench.bench.claim import REPRODUCTION, join
from fusionbench.bench.digits import (
    DIFFERS,
    VERDICTS,
    WITHIN_SEEDS,
    Digits,
    first_epoch_apart,
    in_common,
    read_digits,
)
from fusionbench.bench.outcome import FoldOutcome
from fusionbench.bench.reproduction_plan import FoldPlan, Plan
from fusionbench.bench.run import Surroundings, outcome_of, run_fold
from fusionbench.bench.seed_spread import SeedSpread, seed_spread
from fusionbench.bench.tracking import RunNotes, track
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.track.opening import tag_run

VERDICT_TAG = "fusionbench.verdict"


@dataclass(frozen=True)
class FoldReproduced:
    """One run and what came when it was done over."""

    fold: str
    then: FoldOutcome
    now: FoldOutcome
    verdict: str
    first_epoch_apart: int | None
    """None where no losses part, or none were kept"""
    digits_then: Digits
    digits_now: Digits
    metric: str
    """that decides: ``report/accuracy``"""
    spread: SeedSpread


@dataclass(frozen=True)
class Reproduced:
    """A run done over, all its folds where it has several."""

    plan: Plan
    run_id: str
    """of the reproduction"""
    folds: tuple[FoldReproduced, ...]

    @property
    def verdict(self) -> str:
        """The worst of the folds'."""
        return max((fold.verdict for fold in self.folds), key=VERDICTS.index)

    @property
    def first_epoch_apart(self) -> int | None:
        """The earliest of any fold."""
        return min((fold.first_epoch_apart for fold in self.folds if fold.first_epoch_apart), default=None)


def reproduce(plan: Plan, watch: Watch) -> Reproduced:
    """Train it anew, in MLflow runs of their own kind that never stand in for what they reproduce.

    Raises:
        UserError: the data are other ones, and the user did not point to them.
    """
    if plan.refusal:
        raise UserError(plan.refusal)
    assert plan.data is not None
    notes = RunNotes.of(plan.config, plan.data)
    around = Surroundings(plan.catalog, watch, notes, again=True)
    if not plan.of_folds:
        made = _fold(plan, plan.folds[0], around)
        tag_run(made.now.run_id, {VERDICT_TAG: made.verdict}, watch.warn)
        return Reproduced(plan, made.now.run_id, (made,))
    identity = digest([fold.now["identity"] for fold in plan.folds])
    seat = digest([REPRODUCTION, plan.record.run_id, identity])
    opened = notes.folds(identity, plan.record.run_id)
    with join(seat, REPRODUCTION) as held, track(opened, held, watch) as tracked:
        beneath = replace(around, parent=tracked.run_id)
        reproduced = Reproduced(
            plan, tracked.run_id, tuple(_fold(plan, fold, beneath) for fold in plan.folds)
        )
        outcomes = [fold.now for fold in reproduced.folds]
        log_folds(tracked, outcome_of(notes, tracked.run_id, identity, outcomes, plan.config, plan.data))
        tracked.set_tags({VERDICT_TAG: reproduced.verdict})
    return reproduced


def _fold(plan: Plan, fold: FoldPlan, around: Surroundings) -> FoldReproduced:
    assert plan.data is not None and fold.fold is not None
    before = read_fold(fold.record.run_id)
    here = run_fold(plan.config, plan.data, fold.fold, replace(around, reproduces=fold.record.run_id))
    then, now = read_digits(fold.record.run_id, before), read_digits(here.run_id, here)
    metric = f"report/{plan.data.judging(plan.config).decides}"
    spread = seed_spread(fold.record, metric)
    within = spread.covers(before.metrics[metric], here.metrics[metric])
    verdict = in_common(then, now) or (WITHIN_SEEDS if within else DIFFERS)
    apart = first_epoch_apart(then, now)
    return FoldReproduced(fold.name, before, here, verdict, apart, then, now, metric, spread)
