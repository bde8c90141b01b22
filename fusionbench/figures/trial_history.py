"""The trials of a study in their order, and the best score so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from fusionbench.figures.lettering import drawable, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    ORANGE,
    PAD,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_HEIGHT = 1.8  # inches of the axes


@dataclass(frozen=True)
class Tried:
    """One trial."""

    number: int
    score: float
    """mean over its seeds, between 0 and 1"""
    scores: Sequence[float] = ()
    """one a seed"""
    pruned: bool = False
    """whether it was ended early"""


@styled
def trial_history(
    trials: Sequence[Tried], chosen: int, *, metric: str = "accuracy", stand_in: bool = False
) -> Figure:
    """A dot a trial, small diamonds its seeds, crosses what was ended early; a line is the best so far.

    Args:
        trials: in their order.
        chosen: number of the trial whose configuration was chosen.
        metric: name of the scores.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no trials.
    """
    if not trials:
        raise ValueError("a history needs at least one trial")
    whole = [trial for trial in trials if not trial.pruned]
    early = [trial for trial in trials if trial.pruned]
    words = "dots: trials; line: best so far; ring: chosen"
    words += "; diamonds: seeds" if any(len(trial.scores) > 1 for trial in whole) else ""
    words += "; crosses: ended early" if early else ""
    explained = wrapped(words, COLUMN - 2 * PAD)
    bottom = LINE * len(explained) + 2 * LINE + 3 * PAD
    figure, axes = new_figure(
        COLUMN, bottom + _HEIGHT + 2 * PAD, left=0.58, right=3 * PAD, bottom=bottom, top=2 * PAD
    )
    for trial in whole:
        if len(trial.scores) > 1:
            places = [trial.number] * len(trial.scores)
            axes.plot(places, trial.scores, "D", color=GREY, markersize=2.5, alpha=0.6, markeredgewidth=0)
    if whole:
        numbers = [trial.number for trial in whole]
        scores = [trial.score for trial in whole]
        axes.step(numbers, np.maximum.accumulate(scores), where="post", color=BLUE, linewidth=0.8)
        axes.plot(numbers, scores, "o", color=BLUE, markersize=3.5, markeredgecolor="white")
    axes.plot([t.number for t in early], [t.score for t in early], "x", color=GREY, markersize=3.5)
    marked = next((trial for trial in trials if trial.number == chosen), None)
    if marked:
        axes.plot(
            [marked.number], [marked.score], "o", color=ORANGE, markersize=8, markerfacecolor="none", zorder=3
        )
    axes.margins(x=0.05, y=0.12)
    round_ticks(axes.xaxis, 8, integer=True)
    round_ticks(axes.yaxis, 5, percent=True)
    axes.set_xlabel("trial")
    axes.set_ylabel(f"selection {drawable(metric)}")
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
