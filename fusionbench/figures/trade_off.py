"""Score against cost, and the heads that no cheaper one matches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from fusionbench.figures.beside_points import name_points
from fusionbench.figures.lettering import distinct, drawable, wrapped
from fusionbench.figures.style import (
    BLUE,
    GREY,
    LINE,
    PAD,
    PAGE,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_HEIGHT = 2.6  # inches, without the words below
_WIDTH = 0.75 * PAGE
_NAME = 1.35
"""inches that a head's name may take; the table has it whole"""


@dataclass(frozen=True)
class Costed:
    """One head."""

    name: str
    cost: float
    score: float
    """mean over seeds, between 0 and 1"""
    spread: float = 0.0
    """standard deviation over seeds"""


def pareto(costs: Sequence[float], scores: Sequence[float]) -> list[bool]:
    """Whether each head is on the front: no other is as good or better and costs less, or better at no more.

    Args:
        costs: one a head.
        scores: one a head; a NaN is never on the front.
    """
    return [
        math.isfinite(score)
        and not any(
            (other <= cost and better > score) or (other < cost and better >= score)
            for other, better in zip(costs, scores, strict=True)
        )
        for cost, score in zip(costs, scores, strict=True)
    ]


@styled
def trade_off(
    heads: Sequence[Costed], *, cost: str, metric: str = "accuracy", stand_in: bool = False
) -> Figure:
    """A dot a head on a logarithmic axis of cost; a line joins the Pareto front.

    Heads without cost (solved for, nothing trained) have no place on that axis and are named below it.

    Args:
        heads: the first are named first where names are crowded.
        cost: what the cost is, with its unit.
        metric: name of the scores.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no head has a cost above 0.
    """
    drawn = [head for head in heads if head.cost > 0 and math.isfinite(head.score)]
    if not drawn:
        raise ValueError("no head has a cost above 0 and a finite score")
    on_front = pareto([head.cost for head in drawn], [head.score for head in drawn])
    front = sorted((head for head, on in zip(drawn, on_front, strict=True) if on), key=lambda h: h.cost)
    free = [head.name for head in heads if head.cost <= 0]
    explained = (
        "filled: on the Pareto front; bars: ± standard deviation over seeds; named where there is room"
    )
    if free:
        explained += f"; no cost of this kind: {', '.join(free)}"
    lines = wrapped(explained, _WIDTH - 2 * PAD)
    bottom = LINE * len(lines) + 2 * LINE + 3 * PAD
    figure, axes = new_figure(_WIDTH, _HEIGHT + bottom, left=0.62, right=0.25, bottom=bottom, top=LINE + PAD)
    axes.set_xscale("log")
    steps = [(head.cost, head.score) for head in front]
    corners = [(after[0], before[1]) for before, after in pairwise(steps)]
    line = [point for both in zip(steps, [*corners, steps[-1]], strict=True) for point in both]
    axes.plot([x for x, _ in line], [y for _, y in line], color=BLUE, linewidth=0.8, zorder=1.5)
    for head, on in zip(drawn, on_front, strict=True):
        colour = BLUE if on else GREY
        ends = [head.score - head.spread, head.score + head.spread]
        axes.plot([head.cost, head.cost], ends, color=colour, linewidth=0.8)
        filling = colour if on else "white"
        axes.plot([head.cost], [head.score], "o", color=colour, markerfacecolor=filling, markersize=4.5)
    least, most = min(head.cost for head in drawn), max(head.cost for head in drawn)
    axes.set_xlim(least / 1.6, most * 1.6 * (most / least) ** 0.12)  # room for names on the right
    _plain_numbers(axes.xaxis, most / least)
    round_ticks(axes.yaxis, 6, percent=True)
    axes.set_xlabel(f"{drawable(cost)} (logarithmic)")
    axes.set_ylabel(drawable(metric))
    names = distinct([head.name for head in drawn], _NAME)
    name_points(axes, [(head.cost, head.score) for head in drawn], names)
    explain(figure, lines)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure


def _plain_numbers(axis: Axis, ratio: float) -> None:
    """Numbers at powers of ten; between them too where there are few."""
    axis.set_major_locator(LogLocator(subs=(1.0,) if ratio > 100 else (1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    """``0.05``, ``20``, ``10k``, ``5M``, ``2G``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
