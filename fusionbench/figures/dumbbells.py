"""Heads before and after tuning: two dots a row, joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, drawable, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    ORANGE,
    PAD,
    PALE,
    TALLEST,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_ROW = 0.24  # inches
_NAME = 1.35
"""inches that a head's name may take; the table has it whole"""
_WORDS = 1.6
"""inches kept for what stands above and below the rows"""


@dataclass(frozen=True)
class Moved:
    """One head: its mean score with its defaults, and tuned; between 0 and 1."""

    name: str
    default: float
    tuned: float


@styled
def dumbbells(
    rows: Sequence[Moved], *, metric: str = "accuracy", chance: float | None = None, stand_in: bool = False
) -> Figure:
    """A ring for the defaults, a dot for the tuned row, orange where tuning made it worse.

    Args:
        rows: in the order they are drawn, no more than a page holds; the rest are counted.
        metric: name of the scores.
        chance: score of guessing, drawn as a line.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no rows, or a score that is not finite.
    """
    if not rows or not all(math.isfinite(row.default) and math.isfinite(row.tuned) for row in rows):
        raise ValueError("dumbbells need at least one row, and finite scores")
    drawn = rows[: int((TALLEST - _WORDS) / _ROW)]
    left_out = f"; the first {len(drawn)} of {len(rows)} rows" if len(drawn) < len(rows) else ""
    explained = wrapped(
        f"rings: default; dots: tuned, mean over seeds; orange: tuned is lower{left_out}", COLUMN - 2 * PAD
    )
    names = distinct([row.name for row in drawn], _NAME)
    gains = [_gain(row) for row in drawn]
    bottom = LINE * len(explained) + 2 * LINE + 3 * PAD
    top = 1.5 * LINE if chance is not None else PAD
    figure, axes = new_figure(
        COLUMN,
        bottom + _ROW * len(drawn) + top,
        left=2 * PAD + max(map(line_width, names)),
        right=2 * PAD + max(map(line_width, gains)),
        bottom=bottom,
        top=top,
    )
    for place, (row, gain) in enumerate(zip(drawn, gains, strict=True)):
        colour = BLUE if row.tuned >= row.default else ORANGE
        axes.axhline(place, color=PALE, linewidth=0.6, zorder=0)
        axes.plot([row.default, row.tuned], [place, place], color=colour, linewidth=1.4, zorder=2)
        axes.plot([row.default], [place], "o", color=GREY, markersize=5, markerfacecolor="white", zorder=3)
        axes.plot([row.tuned], [place], "o", color=colour, markersize=5, markeredgecolor="white", zorder=3)
        axes.annotate(gain, (1, place), (5, 0), ("axes fraction", "data"), "offset points", va="center")
    if chance is not None and math.isfinite(chance):
        axes.axvline(chance, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        over = (chance, 1), (0, 3), ("data", "axes fraction"), "offset points"
        axes.annotate("chance", *over, color=GREY, ha="center")
    axes.set_yticks(range(len(drawn)), names)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    round_ticks(axes.xaxis, 4, percent=True)
    axes.set_xlabel(f"report split, {drawable(metric)}")
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure


def _gain(row: Moved) -> str:
    """In points; none has no sign."""
    said = f"{100 * (row.tuned - row.default):+.1f}"
    return said if float(said) else said[1:]
