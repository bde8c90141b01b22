"""One look for every table this package prints."""

from __future__ import annotations

import math

from rich import box
from rich.table import Table


def plain_table(title: str, caption: str | None = None) -> Table:
    """An empty table: title and caption on the left, rules only where they help reading."""
    return Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        min_width=min(len(title), 78),
        pad_edge=False,
    )


def percent(value: float) -> str:
    """A fraction as people read it."""
    return f"{100 * value:.1f} %"


def mflop(flops: float) -> str:
    """Operations in millions, as people read them; a dash where they were not counted."""
    millions = flops / 1e6
    if math.isnan(millions):
        return "–"
    return f"{millions:,.0f}" if millions >= 100 else f"{millions:.3g}"
