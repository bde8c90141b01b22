"""A finished study: its trials, what was chosen and how, what that scored, and how far choosing flattered."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fusionbench.bench.outcome import Outcome
from fusionbench.catalog.documents import plain
from fusionbench.catalog.resolve import Request
from fusionbench.study.ledger import Trial
from fusionbench.study.ranking import Spread
from fusionbench.study.space import Space
from fusionbench.study.tuning import Tuning


class Declared(Protocol):
    """What a study was to search, and how: a design, or what is left of one when it is read back."""

    @property
    def question(self) -> str:
        """The first comment line of its file; empty where flags said all."""

    @property
    def request(self) -> Request:
        """What all trials start from."""

    @property
    def space(self) -> Space:
        """What is searched."""

    @property
    def default(self) -> Mapping[str, Any]:
        """Each searched option's value where nothing is searched."""

    @property
    def sampler(self) -> str:
        """``grid``, ``random`` or ``tpe``."""

    @property
    def total(self) -> int:
        """Trials of each fold."""

    @property
    def seeds(self) -> list[int]:
        """Of a trial."""

    @property
    def epochs(self) -> int:
        """Of one run of a trial."""

    @property
    def tuning(self) -> Tuning:
        """How many are confirmed, and whether any may end early."""


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
    importance: Mapping[str, float] = field(default_factory=dict)
    """option -> its share of the scores' variation; empty where too few trials can say"""

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

    design: Declared
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
    def gap(self) -> float | None:
        """Selection score, that of fresh seeds where there is one, less the report score."""
        before = self.score if self.confirmed is None else self.confirmed
        return before - self.report.mean if self.report else None

    @property
    def chance(self) -> float | None:
        """Score of naming the most frequent training class every time; None before anything was judged."""
        return self.outcomes[0].chance if self.outcomes else None

    @property
    def best(self) -> dict[str, Any]:
        """Option -> value of what was chosen; of several folds one mapping a fold."""
        found = {fold.fold: self.values(fold.chosen.trial) for fold in self.folds}
        return next(iter(found.values())) if len(found) == 1 else found

    def plain(self) -> dict[str, Any]:
        """The object that ``--json`` prints; scores are fractions."""
        return {
            "study": self.study,
            "trials": self.trials,
            "best": self.best,
            "score": self.score,
            "confirmed": self.confirmed,
            "report": self.report.mean if self.report else None,
        }

    def kept(self) -> dict[str, Any]:
        """All of it, as its MLflow run keeps it: enough to make tables, figures and page again."""
        design = self.design
        declared = {
            "question": design.question,
            "request": plain(dict(design.request.values)),
            "registry": plain(design.request.registry),
            "space": design.space.plain(),
            "default": design.default,
            "sampler": design.sampler,
            "total": design.total,
            "seeds": design.seeds,
            "epochs": design.epochs,
            "confirm": design.tuning.confirm,
            "prune": design.tuning.prune,
        }
        return {
            **self.plain(),
            "stand_in": self.stand_in,
            "metric": self.metric,
            "mlflow_experiment": self.mlflow_experiment,
            "declared": declared,
            "folds": [self._fold(fold) for fold in self.folds],
            "runs": [outcome.plain() for outcome in self.outcomes],
        }

    def _fold(self, fold: FoldSearch) -> dict[str, Any]:
        return {
            "fold": fold.fold,
            "chosen": fold.chosen.trial.number,
            "trials": [{**vars(trial), "point": self.values(trial)} for trial in fold.trials],
            "unfit": dict(fold.unfit),
            "same": fold.same,
            "exhausted": fold.exhausted,
            "confirmations": {str(number): again.values for number, again in fold.confirmations.items()},
            "importance": dict(fold.importance),
        }
