"""How one run learned: training loss and the score it was selected by, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusionbench.contract.judging import SPOKEN
from fusionbench.figures.lettering import drawable
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    ORANGE,
    PAD,
    mark_stand_in,
    new_figure,
    plain,
    round_ticks,
    styled,
    tick_width,
)

_HEIGHT = 2.1  # inches
_FEW = 12  # epochs that are marked one by one


@styled
def learning_curves(
    history: Mapping[int, Mapping[str, float]],
    selected_epoch: int,
    title: str = "",
    *,
    metric: str = "accuracy",
    stand_in: bool = False,
) -> Figure:
    """Training loss (left axis) and the selection score (right axis); a line marks the chosen epoch.

    What is NaN or infinite leaves a gap, and is counted under the axes.

    Args:
        history: epoch -> its metrics, of which ``train/loss`` and ``selection/METRIC`` are drawn.
        selected_epoch: the epoch that the selection split chose, one of ``history``.
        title: above the axes, for screens.
        metric: the score that chose the epoch; scores between 0 and 1 are written in percent.
        stand_in: the data are generated; marks the figure.

    Raises:
        KeyError: the history lacks a metric or the chosen epoch.
    """
    epochs = sorted(history)
    loss = _finite([history[epoch]["train/loss"] for epoch in epochs])
    score = _finite([history[epoch][f"selection/{metric}"] for epoch in epochs])
    chosen = history[selected_epoch][f"selection/{metric}"]
    shares = not (np.nanmin(score, initial=0) < 0 or np.nanmax(score, initial=1) > 1)

    bottom = 2 * LINE + 3 * PAD
    figure, left = new_figure(COLUMN, _HEIGHT, left=0.5, right=0.5, bottom=bottom, top=2 * LINE, title=title)
    right = left.twinx()
    plain(right)
    few = len(epochs) <= _FEW
    left.plot(epochs, loss, "s--" if few else "--", color=ORANGE, markersize=3)
    right.plot(epochs, score, "o-" if few else "-", color=BLUE, markersize=3)
    left.axvline(selected_epoch, color=GREY, linewidth=0.8, linestyle=":")
    right.plot(
        [selected_epoch], [_finite([chosen])[0]], "o", color=BLUE, markersize=5, markeredgecolor="white"
    )
    _name_the_chosen(right, selected_epoch, epochs, f"{chosen:.1%}" if shares else f"{chosen:.4g}")
    lost = int(np.isnan(loss).sum()), int(np.isnan(score).sum())
    told = f" (not finite: loss in {lost[0]}, score in {lost[1]})" if any(lost) else ""
    left.set_xlabel(f"epoch{told}")
    left.set_ylabel("training loss (dashed)", color=ORANGE)
    right.set_ylabel(f"selection {SPOKEN.get(metric, drawable(metric))}", color=BLUE)
    round_ticks(left.xaxis, 6, integer=True)
    round_ticks(left.yaxis, 5)
    round_ticks(right.yaxis, 5, percent=shares)
    if not np.nanmin(loss, initial=0) < 0:
        left.set_ylim(bottom=0)
    if shares:
        right.set_ylim(0, 1)
    _fit(figure, left, right)
    if stand_in:
        mark_stand_in(figure, left)
    return figure


def _finite(values: list[float]) -> np.ndarray:
    """The values; NaN where one is not finite."""
    numbers = np.asarray(values, dtype=float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _name_the_chosen(axes: Axes, epoch: int, epochs: list[int], score: str) -> None:
    """Above the axes, where no curve runs."""
    late = epoch > (epochs[0] + epochs[-1]) / 2
    axes.annotate(
        f"epoch {epoch}: {score}",
        (epoch, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right" if late else "left",
        color=BLUE,
        annotation_clip=False,
    )


def _fit(figure: Figure, left: Axes, right: Axes) -> None:
    """Margins as wide as the numbers beside the axes need."""
    width, place = figure.get_figwidth(), left.get_position()
    before, after = (LINE + 3 * PAD + tick_width(axes.yaxis) for axes in (left, right))
    for axes in (left, right):
        axes.set_position((before / width, place.y0, (width - before - after) / width, place.height))
