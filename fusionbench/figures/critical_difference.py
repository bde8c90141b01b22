"""Mean ranks of heads over data sets; bars join the heads that no pair tells apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    PAD,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_BAR, _ROW = 0.09, 0.19
"""inches for one bar and for one name; the vertical axis is in inches"""
_NAME = 0.95
"""inches that a name may take; tables have it whole"""
_BESIDE = 0.2
"""ranks that the axis goes on beyond the best and the worst"""
_EVERY = 12  # ranks up to which each has its number


@styled
def critical_difference(
    names: Sequence[str],
    ranks: Sequence[float],
    cliques: Sequence[Sequence[int]],
    title: str = "",
    *,
    datasets: int,
    stand_in: bool = False,
) -> Figure:
    """Heads on an axis of ranks, the best on the left (Demsar 2006, Figure 1).

    Args:
        names: one a head.
        ranks: mean rank of each, 1 is best.
        cliques: numbers of the heads that each bar joins.
        title: above the axis, for screens.
        datasets: how many the ranks are means over.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: other numbers of names and ranks, or fewer than two heads.
    """
    if len(names) != len(ranks) or len(names) < 2:
        raise ValueError(f"{len(names)} names and {len(ranks)} ranks; each of two heads or more needs both")
    heads = len(names)
    order = np.argsort(ranks, kind="stable").tolist()
    half = (heads + 1) // 2
    short = distinct(names, _NAME)
    labels = [f"{short[head]}  {ranks[head]:.2f}" for head in order]
    below = _BAR * (len(cliques) + 1)
    deepest = below + _ROW * half
    explained = wrapped(
        f"over {datasets} data sets; 1 is best; bars join what cannot be told apart", COLUMN - 2 * PAD
    )
    bottom, top = LINE * len(explained) + 2 * PAD, 2.5 * LINE

    figure, axes = new_figure(
        COLUMN,
        bottom + deepest + top,
        left=2 * PAD + max(map(line_width, labels[:half])),
        right=2 * PAD + max(map(line_width, labels[half:])),
        bottom=bottom,
        top=top,
        title=title,
    )
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_color(GREY)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("mean rank")
    if heads <= _EVERY:
        axes.set_xticks(range(1, heads + 1))
    else:
        round_ticks(axes.xaxis, _EVERY // 2, integer=True)
    axes.set_yticks([])
    edges = (1 - _BESIDE, heads + _BESIDE)
    axes.set_xlim(edges)
    axes.set_ylim(deepest, 0)
    for place, (head, label) in enumerate(zip(order, labels, strict=True)):
        on_left = place < half
        depth = below + _ROW * (place if on_left else heads - 1 - place)
        end, side = (edges[0], "right") if on_left else (edges[1], "left")
        axes.plot([ranks[head], ranks[head], end], [0, depth, depth], color=GREY, linewidth=0.6, zorder=2)
        axes.plot([ranks[head]], [0], "o", color=BLUE, markersize=4.5, clip_on=False, zorder=4)
        gap = (-3 if on_left else 3, 0)
        axes.annotate(label, (end, depth), gap, "data", "offset points", ha=side, va="center")
    for row, clique in enumerate(cliques):
        joined = [ranks[head] for head in clique]
        depth = _BAR * (row + 0.8)
        ends = [min(joined) - 0.04, max(joined) + 0.04]
        axes.plot(ends, [depth, depth], color=BLUE, linewidth=3, solid_capstyle="round", zorder=3)
    note = "\n".join(explained)
    figure.text(PAD / COLUMN, PAD / figure.get_figheight(), note, color=GREY, va="bottom")
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
