"""Mean ranks of heads over data sets; bars join the heads that no pair tells apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fusionbench.figures.style import BLUE, GREY, NORMAL, mark_stand_in, new_figure

_BAR, _ROW = 0.32, 0.5
"""height of one bar and of one name, in units of the vertical axis"""


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
        title: above the axis.
        datasets: how many the ranks are means over.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: other numbers of names and ranks, or fewer than two heads.
    """
    if len(names) != len(ranks) or len(names) < 2:
        raise ValueError(f"{len(names)} names and {len(ranks)} ranks; each of two heads or more needs both")
    heads = len(names)
    order = np.argsort(ranks, kind="stable").tolist()
    left = (heads + 1) // 2
    below = 0.3 + _BAR * len(cliques)
    deepest = below + _ROW * left

    figure, axes = new_figure(7.2, 1.5 + 0.55 * deepest, title)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_color(GREY)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(f"mean rank over {datasets} data sets (1 is best; bars join what cannot be told apart)")
    axes.xaxis.label.set_fontsize(NORMAL)
    axes.set_xticks(range(1, heads + 1))
    axes.set_yticks([])
    axes.set_xlim(1 - 0.35 * heads, heads + 0.35 * heads)
    axes.set_ylim(deepest, 0)
    for place, head in enumerate(order):
        on_left = place < left
        depth = below + _ROW * (place if on_left else heads - 1 - place)
        end = 0.95 if on_left else heads + 0.05
        axes.plot([ranks[head], ranks[head], end], [0, depth, depth], color=GREY, linewidth=1, zorder=2)
        axes.plot([ranks[head]], [0], "o", color=BLUE, markersize=7, clip_on=False, zorder=4)
        axes.annotate(
            f"{names[head]}  {ranks[head]:.2f}",
            (end, depth),
            xytext=(-5 if on_left else 5, 0),
            textcoords="offset points",
            ha="right" if on_left else "left",
            va="center",
            fontsize=NORMAL,
        )
    for row, clique in enumerate(cliques):
        joined = [ranks[head] for head in clique]
        depth = 0.25 + _BAR * row
        ends = [min(joined) - 0.04, max(joined) + 0.04]
        axes.plot(ends, [depth, depth], color=BLUE, linewidth=5, solid_capstyle="round", zorder=3)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
