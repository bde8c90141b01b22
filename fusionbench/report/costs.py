"""What a head costs: which measures a comparison holds, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fusionbench.report.decimals import count, large, measured
from fusionbench.report.document import Cell
from fusionbench.report.evidence import Head


@dataclass(frozen=True)
class Cost:
    """One measure."""

    key: str
    """of a row of the ranking"""
    short: str
    """as a column is called"""
    name: str
    """with its unit"""
    written: Callable[[float], Cell]

    def of(self, head: Head) -> float:
        """Of one head; NaN where it was not kept."""
        return float(getattr(head.row, self.key))

    def cell(self, head: Head) -> Cell:
        """As a table shows it."""
        return self.written(self.of(head))


COSTS = (
    Cost("params", "params", "trained parameters", count),
    Cost("ms_per_clip", "ms a clip", "ms a clip, forward pass of the head", measured),
    Cost("flops", "FLOPs a clip", "FLOPs a clip, forward pass of the head", large),
)


def costs_of(heads: Sequence[Head]) -> list[Cost]:
    """The measures that are known of every head."""
    return [cost for cost in COSTS if all(math.isfinite(cost.of(head)) for head in heads)]
