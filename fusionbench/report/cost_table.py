"""What each stage of a model costs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fusionbench.bench.cost import Part
from fusionbench.report.tables import mflop, plain_table


def cost_table(parts: Sequence[Part]) -> Table:
    """One row a stage, the whole below."""
    table = plain_table("one clip, from frames to logits", "eval mode, random pixels; median of a few passes")
    table.add_column("stage", no_wrap=True)
    table.add_column("parameters", justify="right")
    for column in ("ms a clip", "MFLOP a clip"):
        table.add_column(column, justify="right")
    for part in parts:
        table.add_row(part.name, f"{part.params:,}", f"{part.ms_per_clip:.2f}", mflop(part.flops))
    params, milliseconds = sum(p.params for p in parts), sum(p.ms_per_clip for p in parts)
    flops = mflop(sum(p.flops for p in parts))
    table.add_row("whole model", f"{params:,}", f"{milliseconds:.2f}", flops, style="bold")
    return table
