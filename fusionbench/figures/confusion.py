"""The confusion matrix of one report split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fusionbench.figures.style import LARGE, mark_stand_in, new_figure


def confusion_matrix(
    counts: ArrayLike, classes: Sequence[str], title: str = "", *, stand_in: bool = False
) -> Figure:
    """Share of each true class that was predicted as each class; its clips are counted beside it.

    Args:
        counts: clips, ``(true class, predicted class)``.
        classes: names, in the order of both axes.
        title: above the matrix.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: the counts are not ``(classes, classes)``.
    """
    matrix = np.asarray(counts)
    size = len(classes)
    if matrix.shape != (size, size):
        raise ValueError(f"counts have shape {matrix.shape}; {size} classes need ({size}, {size})")
    clips = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, clips, out=np.zeros(matrix.shape), where=clips > 0)

    figure, axes = new_figure(max(4.2, 1.9 + 0.62 * size), 1.6 + 0.56 * size, title)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(matrix):
        axes.text(
            column,
            row,
            f"{share[row, column]:.0%}",
            color="white" if share[row, column] > 0.55 else "black",
            fontsize=LARGE,
            ha="center",
            va="center",
            in_layout=False,
        )
    axes.set_xticks(range(size), classes, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), [f"{name} ({n})" for name, n in zip(classes, clips.flat, strict=True)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted", fontsize=LARGE)
    axes.set_ylabel("true (clips)", fontsize=LARGE)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
