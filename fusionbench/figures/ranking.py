"""Heads side by side: every seed a dot, the mean and its interval, and what guessing would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fusionbench.figures.style import BLUE, GREY, NORMAL, PALE, mark_stand_in, new_figure

_SEEDS_BELOW = 0.24  # of a row: beside the mean, so that neither hides the other


@dataclass(frozen=True)
class HeadScores:
    """One row of the comparison."""

    name: str
    scores: Sequence[float]
    """one a seed, between 0 and 1"""
    interval: tuple[float, float] | None = None
    """low and high end of the mean's interval, as the statistics gave it"""


def comparison(
    rows: Sequence[HeadScores],
    title: str = "",
    *,
    metric: str = "accuracy",
    interval: str = "",
    chance: float | None = None,
    caution: str = "",
    stand_in: bool = False,
) -> Figure:
    """Dot plot of heads, best mean on top.

    Args:
        rows: one a head, each with at least one score.
        title: above the axes.
        metric: name of the scores.
        interval: what the bars are, as in ``95 % bootstrap over clips``.
        chance: score of guessing, drawn as a line.
        caution: what must be read beside the scores; stands below them.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no rows, or a row without scores.
    """
    if not rows or any(len(row.scores) == 0 for row in rows):
        raise ValueError("a comparison needs at least one head, and each head at least one score")
    ranked = sorted(rows, key=lambda row: -float(np.mean(row.scores)))
    seeds = max(len(row.scores) for row in ranked)

    figure, axes = new_figure(7.2, 1.7 + 0.5 * len(ranked), title)
    for height, row in enumerate(ranked):
        mean = float(np.mean(row.scores))
        axes.axhline(height, color=PALE, linewidth=1, zorder=0)
        if row.interval is not None:
            axes.plot(row.interval, [height, height], color=BLUE, linewidth=3, solid_capstyle="round")
        axes.plot([mean], [height], "o", color=BLUE, markersize=10, markeredgecolor="white")
        beneath = np.full(len(row.scores), height + _SEEDS_BELOW)
        axes.plot(row.scores, beneath, "o", color=GREY, markersize=5.5, alpha=0.6, markeredgewidth=0)
        beside = (1.01, height)
        axes.annotate(f"{mean:.1%}", beside, xycoords=("axes fraction", "data"), va="center", fontsize=NORMAL)
    if chance is not None:
        axes.axvline(chance, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            "chance",
            (chance, 0),
            xycoords=("data", "axes fraction"),
            xytext=(4, 4),
            textcoords="offset points",
            color=GREY,
            fontsize=NORMAL,
        )
    axes.set_yticks(range(len(ranked)), [row.name for row in ranked])
    axes.set_ylim(len(ranked) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    explained = ["large dots: mean", f"small: {seeds} seeds" if seeds > 1 else "small: the one seed"]
    if interval:
        explained.append(f"bars: {interval}")
    below = "\n".join(filter(None, [metric, f"({', '.join(explained)})", caution]))
    axes.set_xlabel(below, fontsize=NORMAL)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
