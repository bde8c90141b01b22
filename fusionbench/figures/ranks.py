"""Ranks as intervals: from the best place that a head may have to the worst."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    LINE,
    PAD,
    PALE,
    TALLEST,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_ROW = 0.2  # inches
_NAME = 1.35
"""inches that a head's name may take; the table has it whole"""
_WORDS = 1.0
"""inches kept for what stands below the rows"""
_EVERY = 14  # ranks up to which each has its number


@styled
def rank_intervals(
    names: Sequence[str], ranks: Sequence[tuple[int, int]], *, stand_in: bool = False
) -> Figure:
    """A bar a head, in the order given; no more rows than a page holds, the rest are counted.

    Args:
        names: one a head.
        ranks: first and last rank of each, 1 is best.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: other numbers of names and ranks, or none.
    """
    if len(names) != len(ranks) or not names:
        raise ValueError(f"{len(names)} names and {len(ranks)} ranks; each head needs both")
    heads = len(names)
    drawn = min(heads, int((TALLEST - _WORDS) / _ROW))
    left_out = f"; the first {drawn} of {heads} rows, the table has all" if drawn < heads else ""
    explained = wrapped(f"every rank that the pairs leave open; 1 is best{left_out}", COLUMN - 2 * PAD)
    short = distinct(names[:drawn], _NAME)
    bottom = LINE * len(explained) + 2 * LINE + 3 * PAD
    figure, axes = new_figure(
        COLUMN,
        bottom + _ROW * drawn + PAD,
        left=2 * PAD + max(map(line_width, short)),
        right=3 * PAD,
        bottom=bottom,
    )
    for place, (first, last) in enumerate(ranks[:drawn]):
        axes.axhline(place, color=PALE, linewidth=0.6, zorder=0)
        axes.plot([first, last], [place, place], color=BLUE, linewidth=5, solid_capstyle="round")
    axes.set_yticks(range(drawn), short)
    axes.set_ylim(drawn - 0.4, -0.6)
    axes.set_xlim(0.6, heads + 0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if heads <= _EVERY:
        axes.set_xticks(range(1, heads + 1))
    else:
        round_ticks(axes.xaxis, 6, integer=True)
    axes.set_xlabel("rank")
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
