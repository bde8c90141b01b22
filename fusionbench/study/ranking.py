"""Finished runs to a ranking: mean and deviation over seeds, over folds apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusionbench.bench.outcome import Outcome


@dataclass(frozen=True)
class Spread:
    """A mean with its standard deviation (n - 1; 0 for a single value)."""

    mean: float
    std: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return cls(statistics.mean(values), deviation, tuple(values))


@dataclass(frozen=True)
class Row:
    """One line of a ranking."""

    label: str
    values: Mapping[str, str]
    """what is compared -> this row's value"""
    metrics: Mapping[str, Spread]
    """those the rows are judged by, on the report split, over seeds; folds pooled. The first one ranks"""
    last: Mapping[str, Spread]
    """the same for the last epoch"""
    folds: Mapping[str, Spread]
    """the same over folds, each fold's mean over seeds; empty with one fold"""
    params: float
    ms_per_clip: float
    flops: float
    """a clip; costs that nobody measured are NaN"""
    chance: float

    @property
    def score(self) -> Spread:
        """What the row is ranked by."""
        return next(iter(self.metrics.values()))

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "label": self.label,
            "values": dict(self.values),
            "seeds": len(self.score.values),
            "metrics": {f"report/{name}": vars(spread) for name, spread in self.metrics.items()},
            "last": {f"report_last/{name}": vars(spread) for name, spread in self.last.items()},
            "folds": {f"report/{name}": vars(spread) for name, spread in self.folds.items()},
            "params": _known(self.params),
            "ms_per_clip": _known(self.ms_per_clip),
            "flops": _known(self.flops),
            "chance": self.chance,
        }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def rank(outcomes: Mapping[str, Sequence[Outcome]], values: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """Rows by label, the best mean of the metric that decides first; no claim of significance.

    Args:
        outcomes: label -> its finished runs, one a seed.
        values: label -> what is compared -> value.
    """
    rows = [_row(label, runs, values[label]) for label, runs in outcomes.items() if runs]
    return sorted(rows, key=lambda row: -row.score.mean)


def _row(label: str, runs: Sequence[Outcome], values: Mapping[str, str]) -> Row:
    folds: dict[str, Spread] = {}
    metrics = runs[0].judging.metrics
    if len(runs[0].folds) > 1:
        for name in metrics:
            by_fold = zip(*([f.metrics[f"report/{name}"] for f in run.folds] for run in runs), strict=True)
            folds[name] = Spread.of([statistics.mean(seeds) for seeds in by_fold])
    return Row(
        label=label,
        values=values,
        metrics={name: Spread.of([run.metrics[f"report/{name}"] for run in runs]) for name in metrics},
        last={
            name: Spread.of([run.metrics[f"report_last/{name}"] for run in runs])
            for name in metrics
            if all(f"report_last/{name}" in run.metrics for run in runs)
        },
        folds=folds,
        params=runs[0].cost.get("params", math.nan),
        ms_per_clip=statistics.median(run.cost.get("ms_per_clip", math.nan) for run in runs),
        flops=runs[0].cost.get("flops", math.nan),
        chance=runs[0].chance,
    )
