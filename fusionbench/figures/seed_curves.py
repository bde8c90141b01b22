"""How the heads learned: one small picture a head, one line a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, drawable, wrapped
from fusionbench.figures.style import (
    BLUE,
    GREY,
    LINE,
    PAD,
    PAGE,
    TALLEST,
    explain,
    mark_stand_in,
    new_figure,
    plain,
    round_ticks,
    styled,
)

_ACROSS = 4
_HEIGHT = 1.05  # inches of one picture's axes
_NAME = 1.45
"""inches that a head's name may take; the table has it whole"""
_LEFT = 0.5


@dataclass(frozen=True)
class Learned:
    """One head: the selection score of each epoch, a row a seed, and the epochs that were chosen."""

    name: str
    scores: Sequence[Sequence[float]]
    """one row a seed, one value an epoch, between 0 and 1"""
    chosen: Sequence[int]
    """one a seed, counted from 1"""


@styled
def seed_curves(
    heads: Sequence[Learned],
    *,
    metric: str = "accuracy",
    words: str = "on the selection split by epoch; a line a seed, dots: chosen epochs",
    stand_in: bool = False,
) -> Figure:
    """Selection score by epoch, all on one scale; dots mark the chosen epochs.

    Args:
        heads: no more of them drawn than a page holds.
        metric: name of the scores.
        words: what the lines are of, where they are not of epochs.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no heads.
    """
    if not heads:
        raise ValueError("learning curves need at least one head")
    step = _HEIGHT + 3 * LINE
    most = _ACROSS * int((TALLEST - 4 * LINE) / step)
    drawn = heads[:most]
    across = min(_ACROSS, len(drawn))
    down = math.ceil(len(drawn) / across)
    left_out = f"; the first {most} of {len(heads)} heads" if most < len(heads) else ""
    wide = (PAGE - _LEFT - PAD) / _ACROSS
    width = _LEFT + wide * across + PAD if across > 1 else _LEFT + 2 * wide
    explained = wrapped(f"{drawable(metric)} {words}{left_out}", width - 2 * PAD)
    bottom = LINE * len(explained) + 2 * PAD
    height = bottom + step * down
    names = distinct([head.name for head in drawn], _NAME)
    figure: Figure | None = None
    for number, (head, name) in enumerate(zip(drawn, names, strict=True)):
        row, column = divmod(number, across)
        inner = (width - _LEFT - PAD) / across
        left, low = _LEFT + inner * column, height - step * (row + 1) + 1.4 * LINE
        if figure is None:
            figure, axes = new_figure(
                width,
                height,
                left=left,
                right=width - left - inner + 2 * PAD,
                bottom=low,
                top=height - low - _HEIGHT,
            )
        else:
            axes = figure.add_axes((left / width, low / height, (inner - 2 * PAD) / width, _HEIGHT / height))
            plain(axes)
        for scores, chosen in zip(head.scores, head.chosen, strict=True):
            line = np.where(np.isfinite(scores), scores, np.nan)
            epochs = np.arange(1, len(line) + 1)
            mark = "o-" if len(line) == 1 else "-"
            axes.plot(epochs, line, mark, color=BLUE, linewidth=0.7, alpha=0.55, markersize=2)
            if 0 < chosen <= len(line):
                axes.plot([chosen], [line[chosen - 1]], "o", color=BLUE, markersize=3)
        axes.set_ylim(0, 1)
        round_ticks(axes.xaxis, 4, integer=True)
        round_ticks(axes.yaxis, 4, percent=True)
        if column:
            axes.tick_params(labelleft=False)
        axes.annotate(name, (0, 1), (2, 2), "axes fraction", "offset points", va="bottom")
        axes.spines["left"].set_color(GREY)
        if stand_in:
            mark_stand_in(figure, axes)
    assert figure is not None
    explain(figure, explained)
    return figure
