"""What a head costs: which measures a comparison holds, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from fusionbench.report.decimals import count, large, measured
from fusionbench.report.document import Cell
from fusionbench.report.evidence import Evidence, Head


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


_HEAD, _WHOLE = "of the head", "from frames to logits"
"""what a pass is of, where all rows share a front end and where each has its own"""


def costs_of(evidence: Evidence) -> list[Cost]:
    """The measures that are known of every head."""
    known = [cost for cost in COSTS if all(math.isfinite(cost.of(head)) for head in evidence.heads)]
    if not evidence.made.whole_models:
        return known
    return [replace(cost, name=_of_whole(cost)) for cost in known]


def _of_whole(cost: Cost) -> str:
    return "parameters of the whole model" if cost.key == "params" else cost.name.replace(_HEAD, _WHOLE)
