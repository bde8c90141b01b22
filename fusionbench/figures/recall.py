"""Recall of every class by every head, as a map."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fusionbench.figures.lettering import distinct, line_width
from fusionbench.figures.style import (
    DARK,
    LINE,
    PAD,
    PAGE,
    PALE,
    TALLEST,
    mark_stand_in,
    new_figure,
    share_colours,
    styled,
)

_NAME = 1.35
"""inches that a name may take; the table has it whole"""
_TALL, _WIDE = 0.22, 0.75
"""inches of a cell, at most"""
_WORDS = 1.6
"""inches kept for what stands below the rows"""


@styled
def class_recall(
    recall: ArrayLike, heads: Sequence[str], classes: Sequence[str], *, stand_in: bool = False
) -> Figure:
    """One row a head, one column a class; shares in percent stand in the cells where they fit.

    Args:
        recall: ``(heads, classes)`` between 0 and 1; NaN where a class has no clip.
        heads: names, no more of them drawn than a page holds.
        classes: names.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: another shape.
    """
    shares = np.asarray(recall, dtype=float)
    if shares.shape != (len(heads), len(classes)) or 0 in shares.shape:
        raise ValueError(f"recall has shape {shares.shape}; it must be (heads, classes), both at least 1")
    drawn = min(len(heads), int((TALLEST - _WORDS) / _TALL))
    shares = shares[:drawn]
    beside, below = distinct(heads[:drawn], _NAME), distinct(classes, _NAME)
    left = 2 * PAD + max(map(line_width, beside))
    cell = min(_WIDE, (PAGE - left - PAD) / len(classes))
    slant = 0 if max(map(line_width, below)) < cell - PAD else 90
    each = 1 if slant == 0 else math.ceil(LINE / cell)
    bottom = LINE + 3 * PAD + (LINE if slant == 0 else max(map(line_width, below)))
    width = left + cell * len(classes) + PAD
    figure, axes = new_figure(width, bottom + _TALL * drawn + PAD, left=left, bottom=bottom)
    known = np.nan_to_num(shares)
    axes.imshow(share_colours()(known, bytes=True), interpolation="nearest", aspect="auto")
    if cell >= 1.25 * line_width("100"):
        for row, column in np.argwhere(np.isfinite(shares)):
            share = shares[row, column]
            colour = "white" if share > DARK else "black"
            axes.text(column, row, f"{100 * share:.0f}", color=colour, ha="center", va="center")
    axes.set_xticks(range(0, len(classes), each), below[::each], rotation=slant)
    axes.set_yticks(range(drawn), beside)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(PALE)
    axes.set_xlabel("recall of each class, %")
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
