"""A finished study: its trials, what was chosen and how, what that scored, and how far choosing flattered."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fusionbench.bench.outcome import Outcome
from fusionbench.study.design import Design
from fusionbench.study.ledger import Trial
from fusionbench.study.ranking import Spread


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """Finished trials by their score; of equal ones the earlier."""
    return sorted(trials, key=lambda trial: (-(trial.score or 0.0), trial.number))


@dataclass(frozen=True)
class Chosen:
    """The configuration that a fold's study chose."""

    trial: Trial
    confirmed: Spread | None
    """its scores with fresh seeds, on the selection split"""


@dataclass(frozen=True)
class FoldSearch:
    """The trials of one fold."""

    fold: str
    trials: list[Trial]
    unfit: Mapping[str, str] = field(default_factory=dict)
    """points that were drawn and can't be run -> why; not counted"""
    same: int = 0
    """points that are the same model as another one; not run"""
    exhausted: bool = False
    """whether the space has no model that was not tried"""
    confirmations: Mapping[int, Spread] = field(default_factory=dict)
    """trial -> its scores with fresh seeds"""

    @property
    def finished(self) -> list[Trial]:
        """Those that can be chosen; ones that were ended early can't."""
        return [trial for trial in self.trials if trial.state == "finished"]

    @property
    def ended(self) -> int:
        """Trials that gave a score, ended early or not."""
        return sum(trial.state in ("finished", "pruned") for trial in self.trials)

    @property
    def chosen(self) -> Chosen:
        """The best of those that were confirmed, by that; without confirmations the best trial."""
        ordered = best_first(self.finished)
        if not self.confirmations:
            return Chosen(ordered[0], None)
        again = [trial for trial in ordered if trial.number in self.confirmations]
        best = max(again, key=lambda trial: self.confirmations[trial.number].mean)
        return Chosen(best, self.confirmations[best.number])


@dataclass(frozen=True)
class Tuned:
    """A study that has its trials. ``outcomes`` are empty until the report split was judged."""

    design: Design
    study: str
    run_id: str
    mlflow_experiment: str
    mlflow_experiment_id: str
    stand_in: bool
    metric: str
    """what was chosen by"""
    folds: tuple[FoldSearch, ...]
    outcomes: Sequence[Outcome] = ()
    """the chosen configuration's runs, one a seed"""

    @property
    def trials(self) -> int:
        """Finished ones, over all folds."""
        return sum(fold.ended for fold in self.folds)

    def values(self, trial: Trial) -> dict[str, Any]:
        """Every searched option's value in a trial."""
        return {**self.design.default, **trial.point}

    @property
    def score(self) -> float:
        """Of what was chosen, on the selection split, by the seeds it was chosen with; mean over folds."""
        return statistics.fmean(fold.chosen.trial.score or 0.0 for fold in self.folds)

    @property
    def confirmed(self) -> float | None:
        """The same with fresh seeds; None where nothing was confirmed."""
        means = [fold.chosen.confirmed.mean for fold in self.folds if fold.chosen.confirmed]
        return statistics.fmean(means) if len(means) == len(self.folds) else None

    @property
    def report(self) -> Spread | None:
        """On the report split, one a seed, folds pooled; None before that was judged."""
        values = [outcome.metrics[f"report/{self.metric}"] for outcome in self.outcomes]
        return Spread.of(values) if values else None

    @property
    def best(self) -> dict[str, Any]:
        """Option -> value of what was chosen; of several folds one mapping a fold."""
        found = {fold.fold: self.values(fold.chosen.trial) for fold in self.folds}
        return next(iter(found.values())) if len(found) == 1 else found

    def plain(self) -> dict[str, Any]:
        """The object that ``--json`` prints; scores are fractions."""
        report = self.report
        return {
            "study": self.study,
            "run_id": self.run_id,
            "stand_in": self.stand_in,
            "metric": self.metric,
            "sampler": self.design.sampler,
            "space": self.design.space.plain(),
            "trials": self.trials,
            "best": self.best,
            "score": self.score,
            "confirmed": self.confirmed,
            "report": report.mean if report else None,
            "report_seeds": list(report.values) if report else [],
            "report_runs": [fold.run_id for outcome in self.outcomes for fold in outcome.folds],
            "folds": [self._plain(fold) for fold in self.folds],
        }

    def _plain(self, fold: FoldSearch) -> dict[str, Any]:
        chosen = fold.chosen
        return {
            "fold": fold.fold,
            "best": self.values(chosen.trial),
            "trial": chosen.trial.number,
            "score": chosen.trial.score,
            "confirmed": chosen.confirmed.mean if chosen.confirmed else None,
            "trials": [
                {
                    "trial": trial.number,
                    "state": trial.state,
                    "values": self.values(trial),
                    "score": trial.score,
                    "scores": list(trial.scores),
                    "confirmed": list(again.values)
                    if (again := fold.confirmations.get(trial.number))
                    else [],
                    "pruned_at": trial.pruned_at,
                    "seconds": trial.seconds,
                    "killed": trial.killed,
                    "reason": trial.reason,
                    "run_ids": list(trial.run_ids),
                }
                for trial in fold.trials
            ],
            "unfit": dict(fold.unfit),
            "same": fold.same,
            "exhausted": fold.exhausted,
        }
