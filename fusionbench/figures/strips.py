"""A strip a group: the score of every head on one person, or in one fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fusionbench.figures.lettering import distinct, drawable, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
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

_ROW = 0.15  # inches
_NAME = 1.35
"""inches that the name of a group may take; the table has it whole"""
_WORDS = 1.1
"""inches kept for what stands below the rows"""


@styled
def strips(
    scores: ArrayLike,
    groups: Sequence[str],
    first: str,
    *,
    what: str,
    metric: str = "accuracy",
    stand_in: bool = False,
) -> Figure:
    """Strips from the hardest group to the easiest; no more of them than a page holds.

    Args:
        scores: ``(heads, groups)`` between 0 and 1; the first head's dots are filled.
        groups: names.
        first: name of the first head.
        what: what a group is, as in ``persons``.
        metric: name of the scores.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: another shape.
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(groups) or 0 in values.shape:
        raise ValueError(f"scores have shape {values.shape}; they must be (heads, {len(groups)} groups)")
    order = np.argsort(values.mean(axis=0), kind="stable")
    drawn = order[: int((TALLEST - _WORDS) / _ROW)].tolist()
    others = f", circles: the other {len(values) - 1} heads" if len(values) > 1 else ""
    left_out = (
        f"; the hardest {len(drawn)} of {len(groups)}, the table has all" if len(drawn) < len(groups) else ""
    )
    explained = wrapped(
        f"{what} from the hardest to the easiest; dots: {first}{others}{left_out}", COLUMN - 2 * PAD
    )
    names = distinct([groups[group] for group in drawn], _NAME)
    bottom = LINE * len(explained) + 2 * LINE + 3 * PAD
    figure, axes = new_figure(
        COLUMN,
        bottom + _ROW * len(drawn) + PAD,
        left=2 * PAD + max(map(line_width, names)),
        right=3 * PAD,
        bottom=bottom,
    )
    rows = np.arange(len(drawn))
    axes.hlines(rows, 0, 1, color=PALE, linewidth=0.6, zorder=0)
    hollow: dict[str, Any] = {"color": GREY, "markerfacecolor": "white", "markeredgewidth": 0.6}
    for of_head in values[:0:-1]:
        axes.plot(of_head[drawn], rows, "o", markersize=3, clip_on=False, **hollow)
    axes.plot(values[0, drawn], rows, "o", color=BLUE, markersize=3.5, clip_on=False)
    axes.set_yticks(rows, names)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    round_ticks(axes.xaxis, 5, percent=True)
    axes.set_xlabel(f"{drawable(metric)}, mean over seeds")
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
