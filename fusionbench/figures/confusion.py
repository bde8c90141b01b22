"""The confusion matrix of one report split."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fusionbench.figures.lettering import distinct, line_width
from fusionbench.figures.style import (
    COLUMN,
    DARK,
    LINE,
    PAD,
    PAGE,
    PALE,
    mark_stand_in,
    new_figure,
    share_colours,
    styled,
)

_NAME = 1.0
"""inches that the name of a class may take; tables have it whole"""
_NUMBER_ROOM = 1.25
"""a cell's width, in numbers of three digits"""
_TALLEST_CELL = 0.3
_TRUE = "true (clips)"
_SLANTED = 0.3
"""inches of a cell from which names below it need not stand upright"""
_SCALE = 0.68
"""inches beside a matrix without numbers: the scale of its colours"""


@styled
def confusion_matrix(
    counts: ArrayLike, classes: Sequence[str], title: str = "", *, stand_in: bool = False
) -> Figure:
    """Share of each true class that was predicted as each class; its clips are counted beside it.

    As wide as a column while the shares can be written into the cells, then as
    wide as a page. Where they fit in neither, colours and a scale show them.

    Args:
        counts: clips, ``(true class, predicted class)``.
        classes: names, in the order of both axes; long ones are shortened.
        title: above the matrix, for screens.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: the counts are not ``(classes, classes)``.
    """
    matrix = np.nan_to_num(np.asarray(counts, dtype=float), posinf=0, neginf=0)
    size = len(classes)
    if matrix.shape != (size, size) or size == 0:
        raise ValueError(f"counts have shape {matrix.shape}; {size} classes need ({size}, {size})")
    clips = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, clips, out=np.zeros(matrix.shape), where=clips > 0)

    below = distinct(classes, _NAME)
    beside = [f"{name} ({n:.0f})" for name, n in zip(below, clips.flat, strict=True)]
    left = LINE + 2 * PAD + max(map(line_width, beside))
    number = _NUMBER_ROOM * line_width("100")
    width = COLUMN if (COLUMN - left - PAD) / size >= number else PAGE
    written = (width - left - PAD) / size >= number
    right = PAD if written else _SCALE
    cell = (width - left - right) / size
    tall = max(min(_TALLEST_CELL, cell), line_width(_TRUE) / size)
    slant = 45 if cell >= _SLANTED else 90
    longest = max(map(line_width, below))
    bottom = LINE + 2 * PAD + math.sin(math.radians(slant)) * (longest + LINE)
    height = bottom + PAD + size * tall

    figure, axes = new_figure(width, height, left=left, right=right, bottom=bottom, title=title)
    colours = ScalarMappable(PowerNorm(1 if written else 0.5, 0, 1), share_colours())
    # Bytes, not numbers: so matplotlib keeps no copies of 600 x 600 shares in float64.
    axes.imshow(colours.to_rgba(share, bytes=True), interpolation="nearest", aspect="auto")
    if written:
        _write(axes, share)
    else:
        _draw_scale(figure, axes, colours)
    each = math.ceil(LINE / min(cell, tall))
    shown = range(0, size, each)
    axes.set_xticks(
        shown,
        below[::each],
        rotation=slant,
        rotation_mode="anchor",
        ha="right",
        va="center" if slant == 90 else "top",
    )
    axes.set_yticks(shown, beside[::each])
    axes.tick_params(length=0 if each == 1 else 2.5)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(PALE)
    axes.set_xlabel("predicted" + (", % of the true class" if written else ""))
    axes.set_ylabel(_TRUE)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure


def _write(axes: Axes, share: np.ndarray) -> None:
    """Shares in percent into the cells that have any."""
    for row, column in np.argwhere(share):
        axes.text(
            column,
            row,
            f"{100 * share[row, column]:.0f}",
            color="white" if share[row, column] > DARK else "black",
            ha="center",
            va="center",
            clip_on=False,
        )


def _draw_scale(figure: Figure, axes: Axes, colours: ScalarMappable) -> None:
    """What the colours mean, in the margin on the right; they change fast where most shares lie."""
    width, place = figure.get_figwidth(), axes.get_position()
    beside = figure.add_axes((1 - (_SCALE - 2 * PAD) / width, place.y0, 0.1 / width, place.height))
    scale = figure.colorbar(colours, beside)
    scale.set_ticks([0, 0.05, 0.25, 0.5, 1], labels=["0", "5", "25", "50", "100 %"])
    scale.minorticks_off()
    scale.outline.set_visible(False)
    beside.tick_params(length=0, pad=2.5)
