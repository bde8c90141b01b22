"""How far seeds alone move a score: estimated from finished runs that differ in nothing else."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from fusionbench.bench.claim import KIND_TAG, RUN
from fusionbench.statistics.student import LEVEL, quantile
from fusionbench.track.records import RunRecord, find_runs

FEWEST = 3
"""seeds that a spread is claimed from"""
_COMPONENTS_TAG, _DATA_TAG = "fusionbench.version.components", "fusionbench.data"


@dataclass(frozen=True)
class SeedSpread:
    """Scores of runs with other seeds."""

    scores: dict[int, float]
    """seed -> score"""

    @property
    def reach(self) -> float | None:
        """Two seeds differ by no more than this in 95 of 100 pairs; None where seeds are too few to say.

        Their difference has twice the variance of one seed, which is estimated: Student's t with one
        degree of freedom less than there are seeds.
        """
        if len(self.scores) < FEWEST:
            return None
        spread = statistics.stdev(self.scores.values())
        return quantile(len(self.scores) - 1, (1 + LEVEL) / 2) * math.sqrt(2) * spread

    def covers(self, one: float, other: float) -> bool:
        """Whether two scores are no further apart than two seeds are."""
        return self.reach is not None and abs(one - other) <= self.reach


def seed_spread(record: RunRecord, metric: str) -> SeedSpread:
    """The scores of the finished runs that are like this one in all but the seed, of each seed the newest.

    Args:
        record: one fold's run.
        metric: as MLflow holds it: ``report/accuracy``.
    """
    tags = {tag: record.tags[tag] for tag in (_DATA_TAG, _COMPONENTS_TAG) if tag in record.tags}
    scores: dict[int, float] = {}
    for other in find_runs(tags={KIND_TAG: RUN, **tags}, status="FINISHED"):
        alike = {**other.params, "seed": ""} == {**record.params, "seed": ""}
        seed = other.params.get("seed", "")
        if alike and seed != record.params.get("seed") and seed.isdigit() and metric in other.metrics:
            scores.setdefault(int(seed), other.metrics[metric])
    return SeedSpread(scores)
