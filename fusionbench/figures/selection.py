"""The score that chose the epoch beside the score that is reported: how far choosing flatters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from fusionbench.figures.beside_points import name_points
from fusionbench.figures.lettering import distinct, drawable, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    PAD,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_SIDE = 2.8  # inches of the axes
_NAME = 1.0
"""inches that a head's name may take; the table has it whole"""


@dataclass(frozen=True)
class Chosen:
    """One head: a pair of scores a seed."""

    name: str
    selection: Sequence[float]
    """of the epoch that was chosen, on the split that chose it; between 0 and 1"""
    report: Sequence[float]
    """of the same epoch, on the report split"""


@styled
def selection_against_report(
    heads: Sequence[Chosen], *, metric: str = "accuracy", stand_in: bool = False
) -> Figure:
    """A dot a head (its mean), small diamonds its seeds; below the diagonal the report split is harder.

    Args:
        heads: each with at least one seed.
        metric: name of the scores.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no heads.
    """
    if not heads:
        raise ValueError("selection against report needs at least one head")
    explained = wrapped(
        "dots: mean of a head; diamonds: its seeds; below the line a head did worse on the report split "
        "than on the split that chose its epoch; named where there is room",
        COLUMN - 2 * PAD,
    )
    bottom, left = LINE * len(explained) + 2 * LINE + 3 * PAD, 0.58
    figure, axes = new_figure(COLUMN, bottom + _SIDE + PAD, left=left, right=PAD, bottom=bottom)
    seeds = [value for head in heads for value in (*head.selection, *head.report)]
    room = 0.08 * (max(seeds) - min(seeds)) + 0.01
    limits = (max(0, min(seeds) - room), min(1, max(seeds) + room))
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.plot(limits, limits, color=GREY, linewidth=0.8, linestyle=":")
    for head in heads:
        axes.plot(head.selection, head.report, "D", color=GREY, markersize=2.5, alpha=0.6, markeredgewidth=0)
    means = [(sum(h.selection) / len(h.selection), sum(h.report) / len(h.report)) for h in heads]
    for mean in means:
        axes.plot(*[[value] for value in mean], "o", color=BLUE, markersize=4.5, markeredgecolor="white")
    for axis in (axes.xaxis, axes.yaxis):
        round_ticks(axis, 5, percent=True)
    axes.set_xlabel(f"selection split, {drawable(metric)}")
    axes.set_ylabel(f"report split, {drawable(metric)}")
    name_points(axes, means, distinct([head.name for head in heads], _NAME))
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
