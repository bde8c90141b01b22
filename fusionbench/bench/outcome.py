"""What a run gives back: metrics, cost and predictions, of one fold or of several."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from fusionbench.contract.judging import USUAL, Judging
from fusionbench.learn.metrics import Predictions, pool, scores


@dataclass(frozen=True)
class FoldOutcome:
    """One fold, finished."""

    fold: str
    run_id: str
    identity: str
    metrics: dict[str, float]
    """``report/*`` (epoch chosen on the selection split), ``report_last/*``, ``selection/*``, ``train/*``"""
    cost: dict[str, float]
    chance: float
    """score of always naming the most frequent training class, by the metric that decides"""
    selected_epoch: int
    report: Predictions
    report_last: Predictions
    epochs: int = 0
    """how many there were (a head that is solved for has one); 0 in results of before this was kept"""
    resumed_at: int = 0
    reused: bool = False
    """True where the run was finished before and nothing was trained now"""
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """``train``, ``selection``, ``report`` -> ``clips``, ``subjects`` (None: not known), ``name``; empty in
    results of before this was kept, as is ``subject_leak``"""
    history: list[dict[str, float]] = field(default_factory=list)
    """each epoch's ``train/*`` and ``selection/*``, exact, and ``seconds`` of its training steps; empty in
    results of before this was kept"""
    classes: list[str] = field(default_factory=list)
    """names, in the order of the probabilities; empty in results of before this was kept"""
    subject_leak: dict[str, Any] | None = None
    """reported subjects who were also trained or selected on: first ``subjects``, ``count``, ``of``"""
    judging: Judging = USUAL
    """the metrics, the one that chose the epoch first"""


@dataclass(frozen=True)
class Outcome:
    """A finished run: one fold, or several with their pooled and averaged metrics."""

    name: str
    run_id: str
    experiment: str
    config: dict[str, Any]
    identity: str
    stand_in: bool
    folds: list[FoldOutcome]
    skipped: list[dict[str, str]] = field(default_factory=list)

    @property
    def metrics(self) -> dict[str, float]:
        """Of one fold, its own; of several, ``report/*`` over pooled clips, ``report_mean/*`` over folds."""
        if len(self.folds) == 1:
            return self.folds[0].metrics
        return {**pooled_metrics(self.folds), **averaged_metrics(self.folds)}

    @property
    def reused(self) -> bool:
        """True where every fold was finished before."""
        return all(fold.reused for fold in self.folds)

    @property
    def clips_judged(self) -> tuple[int, int]:
        """How many different clips were reported on, and how often each: once, but for repeated folds."""
        judged = [clip for fold in self.folds for clip in fold.report.ids]
        return len(set(judged)), len(judged) // len(set(judged))

    @property
    def cost(self) -> dict[str, float]:
        """Averaged over folds."""
        return {name: statistics.mean(f.cost[name] for f in self.folds) for name in self.folds[0].cost}

    @property
    def judging(self) -> Judging:
        """The metrics, the one that decides first."""
        return self.folds[0].judging

    @property
    def chance(self) -> float:
        """Score of always naming the most frequent training class, averaged over clips."""
        weights = [len(f.report.ids) for f in self.folds]
        return sum(f.chance * w for f, w in zip(self.folds, weights, strict=True)) / sum(weights)

    def plain(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "run_id": self.run_id,
            "name": self.name,
            "experiment": self.experiment,
            "identity": self.identity,
            "stand_in": self.stand_in,
            "reused": self.reused,
            "config": self.config,
            "metric": self.judging.decides,
            "metrics": self.metrics,
            "chance": self.chance,
            "cost": self.cost,
            "folds": [
                {
                    "name": f.fold,
                    "run_id": f.run_id,
                    "identity": f.identity,
                    "metrics": f.metrics,
                    "selected_epoch": f.selected_epoch,
                    "parts": f.parts,
                    "subject_leak": f.subject_leak,
                }
                for f in self.folds
            ],
            "skipped_clips": self.skipped,
        }


def pooled_metrics(folds: list[FoldOutcome]) -> dict[str, float]:
    """``report/*`` and ``report_last/*`` over the clips of all folds together."""
    report = scores(pool([f.report for f in folds]), folds[0].judging)
    last = scores(pool([f.report_last for f in folds]), folds[0].judging)
    return {
        **{f"report/{name}": value for name, value in report.items()},
        **{f"report_last/{name}": value for name, value in last.items()},
    }


def averaged_metrics(folds: list[FoldOutcome]) -> dict[str, float]:
    """``report_mean/*`` and the like: every metric averaged over folds; ``_std`` is its deviation (n - 1)."""
    averaged = {}
    for name in folds[0].metrics:
        split, _, metric = name.partition("/")
        values = [f.metrics[name] for f in folds]
        averaged[f"{split}_mean/{metric}"] = statistics.mean(values)
        averaged[f"{split}_std/{metric}"] = statistics.stdev(values) if len(values) > 1 else 0.0
    return averaged
