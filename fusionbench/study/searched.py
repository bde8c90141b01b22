"""The search of one row of a comparison: what it tried within its budget, what it chose, what that took."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import reason
from fusionbench.statistics.best_after import best_after
from fusionbench.study.ledger import Trial
from fusionbench.study.tuned import FoldSearch, Tuned


@dataclass(frozen=True)
class Searched:
    """A row's finished search, as its comparison keeps it; scores are of the selection split."""

    label: str
    study: str
    run_id: str
    """of the study in MLflow"""
    sampler: str
    space: Mapping[str, Any]
    default: Mapping[str, Any]
    """each searched option's value in the default configuration"""
    budget: int
    """configurations of each fold"""
    seeds: int
    """of each configuration"""
    folds: tuple[FoldSearch, ...]
    """trials within the budget; a study that has more was asked for more elsewhere"""
    notes: tuple[str, ...] = ()
    """options that were left out, with the reason"""

    @classmethod
    def of(cls, label: str, made: Tuned, budget: int, notes: tuple[str, ...] = ()) -> Searched:
        """The part of a study that a budget covers."""
        design = made.design
        folds = tuple(within(fold, budget) for fold in made.folds)
        space, seeds = design.space.plain(), len(design.seeds)
        default = dict(design.default)
        return cls(
            label, made.study, made.run_id, design.sampler, space, default, budget, seeds, folds, notes
        )

    @property
    def tried(self) -> int:
        """Configurations, the default among them; of several folds the mean."""
        return round(statistics.fmean(len(fold.trials) for fold in self.folds))

    @property
    def seconds(self) -> float:
        """Training steps of all its trials took, over seeds and folds."""
        return sum(trial.seconds for fold in self.folds for trial in fold.trials)

    @property
    def default_score(self) -> float | None:
        """Of trial 0, mean over folds; None where it failed."""
        scores = [score for fold in self.folds if (score := _default(fold)) is not None]
        return statistics.fmean(scores) if len(scores) == len(self.folds) else None

    @property
    def score(self) -> float:
        """Of what was chosen, mean over folds: the best of many, so it flatters."""
        return statistics.fmean(fold.chosen.trial.score or 0.0 for fold in self.folds)

    @property
    def best(self) -> dict[str, Any]:
        """Option -> value of what was chosen; of several folds one mapping a fold."""
        found = {fold.fold: {**self.default, **fold.chosen.trial.point} for fold in self.folds}
        return next(iter(found.values())) if len(found) == 1 else found

    @property
    def best_after(self) -> tuple[float, ...]:
        """Score to expect of the default and k random configurations, k from 0; empty where none is valid.

        The default is no random draw, so it is in each of the sets whose best is averaged. One that
        failed brought nothing beyond it. TPE learns from its trials, and for it there is no such curve.
        """
        if self.sampler != "random":
            return ()
        curves = []
        for fold in self.folds:
            floor = _default(fold)
            if floor is None:
                return ()
            drawn = [floor if t.score is None else max(floor, t.score) for t in fold.trials if t.point]
            curves.append([floor, *(best_after(drawn) if drawn else ())])
        shortest = min(map(len, curves))
        return tuple(float(x) for x in np.mean([curve[:shortest] for curve in curves], axis=0))

    @property
    def told(self) -> list[str]:
        """What a reader must know of this search beside its figures."""
        lines = list(self.notes)
        if self.tried < self.budget:
            many = "s" * (self.tried > 1)
            lines.append(f"its space has {self.tried} configuration{many}; the budget is {self.budget}")
        failed = [trial for fold in self.folds for trial in fold.trials if trial.state == "failed"]
        if failed:
            lines.append(f"{len(failed)} failed, the first: {failed[0].reason}")
        unfit = {point: why for fold in self.folds for point, why in fold.unfit.items()}
        if unfit:
            point, why = next(iter(unfit.items()))
            lines.append(f"{len(unfit)} drawn did not fit and were drawn again, the first: {point}: {why}")
        return lines

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it; ``from_plain`` makes it again."""
        return {
            "label": self.label,
            "study": self.study,
            "run_id": self.run_id,
            "sampler": self.sampler,
            "space": dict(self.space),
            "default": dict(self.default),
            "best": self.best,
            "budget": self.budget,
            "configurations": self.tried,
            "seeds": self.seeds,
            "seconds": self.seconds,
            "default_score": self.default_score,
            "score": self.score,
            "best_after": list(self.best_after),
            "told": self.told,
            "notes": list(self.notes),
            "folds": [_plain(fold) for fold in self.folds],
        }

    @classmethod
    def from_plain(cls, kept: Mapping[str, Any]) -> Searched:
        """A search as a comparison kept it.

        Raises:
            UserError: what was kept is damaged.
        """
        try:
            return cls(
                **{
                    name: kept[name]
                    for name in ("label", "study", "run_id", "sampler", "space", "default", "budget", "seeds")
                },
                folds=tuple(_fold(fold) for fold in kept["folds"]),
                notes=tuple(kept["notes"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"a search that this comparison kept is damaged: {reason(error)}.") from error


def within(fold: FoldSearch, budget: int) -> FoldSearch:
    """The first trials of a study; those that do not fit count nowhere.

    A study of the same space may have been asked for more trials before. Points follow from their
    number, so its first ones are those that a study of this budget has.
    """
    counted = [trial for trial in fold.trials if trial.state != "unfit"][:budget]
    return replace(fold, trials=counted, exhausted=fold.exhausted and len(counted) < budget, confirmations={})


def _default(fold: FoldSearch) -> float | None:
    return next((trial.score for trial in fold.trials if not trial.point), None)


def _plain(fold: FoldSearch) -> dict[str, Any]:
    return {
        "fold": fold.fold,
        "chosen": fold.chosen.trial.number,
        "trials": [vars(trial) for trial in fold.trials],
        "unfit": dict(fold.unfit),
        "same": fold.same,
        "exhausted": fold.exhausted,
    }


def _fold(kept: Mapping[str, Any]) -> FoldSearch:
    trials = [
        Trial(**{**trial, "scores": tuple(trial["scores"]), "run_ids": tuple(trial["run_ids"])})
        for trial in kept["trials"]
    ]
    return FoldSearch(kept["fold"], trials, kept["unfit"], kept["same"], kept["exhausted"])
