"""Heads side by side: every seed a dot, the mean and its interval, and what guessing would reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, drawable, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    PAD,
    PALE,
    TALLEST,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_ROW = 0.23  # inches
_SEEDS_BELOW = 0.27  # of a row: beside the mean, so that neither hides the other
_NAME = 1.35
"""inches that a head's name may take; the table has it whole"""
_WORDS = 1.6
"""inches kept for what stands above and below the rows"""
_NO_MEAN = "not finite"


@dataclass(frozen=True)
class HeadScores:
    """One row of the comparison."""

    name: str
    scores: Sequence[float]
    """one a seed, between 0 and 1"""
    interval: tuple[float, float] | None = None
    """low and high end of the mean's interval, as the statistics gave it"""

    @property
    def mean(self) -> float:
        """Over the seeds; NaN where one of them is not finite."""
        scores = np.asarray(self.scores, dtype=float)
        return float(scores.mean()) if np.isfinite(scores).all() else math.nan


@styled
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
    """Dot plot of heads, best mean on top; no more rows than a page holds, the rest are counted.

    Args:
        rows: one a head, each with at least one score.
        title: above the axes, for screens.
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
    ranked = sorted(rows, key=lambda row: math.inf if math.isnan(row.mean) else -row.mean)
    drawn = ranked[: int((TALLEST - _WORDS) / _ROW)]
    room = COLUMN - 2 * PAD
    explained = wrapped(_explained(ranked, len(drawn), interval), room)
    warned = wrapped(caution, room) if caution else []

    names = distinct([row.name for row in drawn], _NAME)
    means = [_NO_MEAN if math.isnan(row.mean) else f"{row.mean:.1%}" for row in drawn]
    words = LINE * (len(explained) + len(warned)) + PAD
    bottom = words + 2 * LINE + 2 * PAD
    top = 1.5 * LINE if chance is not None else PAD
    figure, axes = new_figure(
        COLUMN,
        bottom + _ROW * len(drawn) + top,
        left=2 * PAD + max(map(line_width, names)),
        right=2 * PAD + max(map(line_width, means)),
        bottom=bottom,
        top=top,
        title=title,
    )
    for place, (row, mean) in enumerate(zip(drawn, means, strict=True)):
        _draw(axes, place, row)
        axes.annotate(mean, (1, place), (5, 0), ("axes fraction", "data"), "offset points", va="center")
    if chance is not None and math.isfinite(chance):
        axes.axvline(chance, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        over = (chance, 1), (0, 3), ("data", "axes fraction"), "offset points"
        axes.annotate("chance", *over, color=GREY, ha="center")
    axes.set_yticks(range(len(drawn)), names)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    round_ticks(axes.xaxis, 4, percent=True)
    axes.set_xlabel(drawable(metric))
    height = figure.get_figheight()
    corner = PAD / COLUMN
    figure.text(corner, PAD / height, "\n".join(warned), va="bottom")
    figure.text(corner, words / height, "\n".join(explained), color=GREY, va="top")
    if stand_in:
        mark_stand_in(figure, axes)
    return figure


def _draw(axes: Axes, height: int, row: HeadScores) -> None:
    """One row: its bar, its mean, its seeds. What is not finite is not drawn."""
    axes.axhline(height, color=PALE, linewidth=0.6, zorder=0)
    if row.interval is not None and np.isfinite(row.interval).all():
        axes.plot(row.interval, [height, height], color=BLUE, linewidth=1.6, solid_capstyle="round")
    axes.plot([row.mean], [height], "o", color=BLUE, markersize=5.5, markeredgecolor="white")
    below = np.full(len(row.scores), height + _SEEDS_BELOW)
    seeds = np.where(np.isfinite(row.scores), row.scores, np.nan)
    axes.plot(seeds, below, "D", color=GREY, markersize=2.5, alpha=0.7, markeredgewidth=0)


def _explained(ranked: Sequence[HeadScores], drawn: int, interval: str) -> str:
    """What the marks are, and how many rows are left out."""
    seeds = max(len(row.scores) for row in ranked)
    parts = ["dots: mean", f"diamonds: {seeds} seeds" if seeds > 1 else "diamonds: the one seed"]
    if interval:
        parts.append(f"bars: {interval}")
    if drawn < len(ranked):
        parts.append(f"the first {drawn} of {len(ranked)} rows, the table has all")
    return "; ".join(parts)
