"""Scores over two options: a map with a number and its spread in every cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from fusionbench.figures.lettering import distinct, drawable, line_width, wrapped
from fusionbench.figures.style import (
    COLUMN,
    DARK,
    LINE,
    ORANGE,
    PAD,
    PAGE,
    PALE,
    explain,
    mark_stand_in,
    new_figure,
    share_colours,
    styled,
)

_NAME = 0.8
"""inches that a value's name may take"""
_TALL = 2.6 * LINE
"""inches of a cell with its spread"""
_LIGHTEST = 0.12
"""share of the colours at the lowest score: white is what was not run"""


@styled
def option_map(
    means: ArrayLike,
    spreads: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_option: str,
    column_option: str,
    chosen: tuple[int, int] | None = None,
    metric: str = "accuracy",
    stand_in: bool = False,
) -> Figure:
    """A cell a pair of values: its score in percent, below it the deviation over seeds; dark is better.

    Args:
        means: ``(rows, columns)`` between 0 and 1; NaN where a pair was not tried.
        spreads: ``(rows, columns)`` standard deviation over seeds; NaN where there is none.
        rows: values of the option down the side.
        columns: values of the option along the bottom.
        row_option: its name.
        column_option: its name.
        chosen: row and column of what was chosen, framed.
        metric: name of the scores.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: other shapes, or no score.
    """
    score, spread = np.asarray(means, dtype=float), np.asarray(spreads, dtype=float)
    shape = (len(rows), len(columns))
    if score.shape != shape or spread.shape != shape or not np.isfinite(score).any():
        raise ValueError(f"means {score.shape} and spreads {spread.shape}; both must be {shape}, one known")
    spoken = drawable(metric)
    words = f"selection {spoken}, %; dark is better" + ("; framed: chosen" if chosen else "")
    words += "; ± deviation over seeds" if np.isfinite(spread).any() else ""
    words += "; white: not run" if not np.isfinite(score).all() else ""
    beside, below = distinct(rows, _NAME), distinct(columns, _NAME)
    left = LINE + 3 * PAD + max(map(line_width, beside))
    widest = max(line_width("± 10.0"), *map(line_width, below)) + 2 * PAD
    width = min(PAGE, max(COLUMN, left + widest * len(columns) + PAD))
    written = (width - left - PAD) / len(columns) >= line_width("± 10.0")
    tall = _TALL if np.isfinite(spread).any() else 1.6 * LINE
    tall = max(tall, (line_width(drawable(row_option)) + PAD) / len(rows))
    explained = wrapped(words, width - 2 * PAD)
    slant = 0 if (width - left - PAD) / len(columns) >= max(map(line_width, below)) + PAD else 90
    names = LINE if slant == 0 else max(map(line_width, below))
    bottom = LINE * len(explained) + names + LINE + 4 * PAD
    figure, axes = new_figure(width, bottom + tall * len(rows) + PAD, left=left, bottom=bottom)
    low, high = float(np.nanmin(score)), float(np.nanmax(score))
    place = Normalize(low, high if high > low else low + 1)(np.nan_to_num(score, nan=low))
    ink = np.where(np.isfinite(score), _LIGHTEST + (1 - _LIGHTEST) * np.asarray(place), 0.0)
    axes.imshow(share_colours()(ink, bytes=True), interpolation="nearest", aspect="auto")
    for row, column in np.argwhere(np.isfinite(score)) if written else ():
        text = f"{100 * score[row, column]:.1f}"
        text += f"\n± {100 * spread[row, column]:.1f}" if np.isfinite(spread[row, column]) else ""
        colour = "white" if ink[row, column] > DARK else "black"
        axes.text(column, row, text, color=colour, ha="center", va="center", linespacing=1.1)
    if chosen is not None:
        corner = (chosen[1] - 0.5, chosen[0] - 0.5)
        frame = Rectangle(corner, 1, 1, fill=False, edgecolor=ORANGE, linewidth=1.8, clip_on=False, zorder=3)
        axes.add_patch(frame)
    axes.set_xticks(range(len(columns)), below, rotation=slant)
    axes.set_yticks(range(len(rows)), beside)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(PALE)
    axes.set_xlabel(drawable(column_option))
    axes.set_ylabel(drawable(row_option))
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
