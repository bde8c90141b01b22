"""Pairs of heads: each difference with its interval, on the band of what could not have been found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, drawable, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    GREY,
    LINE,
    ORANGE,
    PAD,
    PAGE,
    PALE,
    TALLEST,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_ROW = 0.2  # inches
_NAME = 2.0
"""inches that the names of a pair may take; the table has them whole"""
_WORDS = 1.0
"""inches kept for what stands above and below the rows"""
MOST = int((TALLEST - _WORDS) / _ROW)
"""pairs that fit a page"""

_MARKS = {"told": ("o", BLUE, BLUE), "equivalent": ("s", ORANGE, ORANGE), "unknown": ("D", GREY, "white")}
"""what is known -> marker, colour, filling: never told by colour alone"""


@dataclass(frozen=True)
class PairDifference:
    """One pair, all in fractions."""

    name: str
    difference: float
    low: float
    high: float
    mdd: float
    """smallest difference that 80 % of such comparisons would find"""
    known: Literal["told", "equivalent", "unknown"]
    """told apart, shown to be equivalent within the margin, or neither"""


@styled
def differences(
    pairs: Sequence[PairDifference], *, metric: str = "accuracy", margin: float, stand_in: bool = False
) -> Figure:
    """Forest plot of pairs, in the order given.

    Args:
        pairs: no more than ``MOST``.
        metric: what differs.
        margin: a difference below it is none that matters; dotted lines mark it on both sides of 0.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no pairs, or more than fit a page.
    """
    if not 0 < len(pairs) <= MOST:
        raise ValueError(f"{len(pairs)} pairs; a page holds 1 to {MOST}")
    one = "point" if margin == 0.01 else "points"
    explained = wrapped(
        "bars: intervals that hold together; grey bands: differences too small to be found in 80 % of such "
        f"comparisons; dotted: margin of {100 * margin:g} {one}; "
        "dot: told apart, square: equivalent within the margin, diamond: can't tell",
        PAGE - 2 * PAD,
    )
    names = distinct([pair.name for pair in pairs], _NAME)
    bottom = LINE * len(explained) + 2 * LINE + 3 * PAD
    figure, axes = new_figure(
        PAGE,
        bottom + _ROW * len(pairs) + PAD,
        left=2 * PAD + max(map(line_width, names)),
        right=3 * PAD,
        bottom=bottom,
    )
    for place, pair in enumerate(pairs):
        _draw(axes, place, pair)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1.5)
    for edge in (-margin, margin):
        axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":", zorder=1.5)
    axes.set_yticks(range(len(pairs)), names)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    round_ticks(axes.xaxis, 8, percent=True)
    axes.set_xlabel(f"difference in {drawable(metric)}, points")
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}".replace("-", "−"))
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure


def _draw(axes: Axes, place: int, pair: PairDifference) -> None:
    marker, colour, filling = _MARKS[pair.known]
    axes.broken_barh([(-pair.mdd, 2 * pair.mdd)], (place - 0.5, 1), color=PALE, linewidth=0, zorder=0)
    axes.plot([pair.low, pair.high], [place, place], color=colour, linewidth=1.4, solid_capstyle="round")
    axes.plot(
        [pair.difference], [place], marker, color=colour, markerfacecolor=filling, markersize=4.5, zorder=3
    )
