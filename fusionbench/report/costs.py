"""What a head costs: which measures its runs hold, and how they are written."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from fusionbench.report.decimals import count, measured
from fusionbench.report.document import Cell
from fusionbench.report.evidence import Head


@dataclass(frozen=True)
class Cost:
    """One measure."""

    key: str
    """in the costs of a run"""
    short: str
    """as a column is called"""
    name: str
    """with its unit"""
    whole: bool
    """whether it is a count"""

    def of(self, head: Head) -> float:
        """Median over seeds: one busy moment of the machine does not move it."""
        return statistics.median(run.cost[self.key] for run in head.runs.values())

    def cell(self, head: Head) -> Cell:
        """As a table shows it."""
        return count(self.of(head)) if self.whole else measured(self.of(head))


COSTS = (
    Cost("params", "params", "trained parameters", True),
    Cost("ms_per_clip", "ms/clip", "ms a clip, forward pass of the head", False),
    Cost("flops_per_clip", "FLOPs/clip", "FLOPs a clip", True),
)


def costs_of(heads: Sequence[Head]) -> list[Cost]:
    """The measures that every run holds."""
    runs = [run for head in heads for run in head.runs.values()]
    return [cost for cost in COSTS if all(cost.key in run.folds[0].cost for run in runs)]
