"""How one run learned: training loss and selection accuracy, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fusionbench.figures.style import BLUE, GREY, NORMAL, ORANGE, mark_stand_in, new_figure, plain


def learning_curves(
    history: Mapping[int, Mapping[str, float]],
    selected_epoch: int,
    title: str = "",
    *,
    stand_in: bool = False,
) -> Figure:
    """Training loss (left axis) and selection accuracy (right axis); a line marks the chosen epoch.

    Args:
        history: epoch -> its metrics, of which ``train/loss`` and ``selection/accuracy`` are drawn.
        selected_epoch: the epoch that the selection split chose, one of ``history``.
        title: above the axes.
        stand_in: the data are generated; marks the figure.

    Raises:
        KeyError: the history lacks a metric or the chosen epoch.
    """
    epochs = sorted(history)
    chosen = history[selected_epoch]["selection/accuracy"]

    figure, left = new_figure(6.4, 3.8, title)
    right = left.twinx()
    plain(right)
    marker = "o" if len(epochs) < 3 else None
    left.plot(epochs, [history[e]["train/loss"] for e in epochs], color=ORANGE, linewidth=2, marker=marker)
    right.plot(
        epochs, [history[e]["selection/accuracy"] for e in epochs], color=BLUE, linewidth=2, marker=marker
    )
    left.axvline(selected_epoch, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    right.plot([selected_epoch], [chosen], "o", color=BLUE, markersize=8, markeredgecolor="white")
    late = selected_epoch > (epochs[0] + epochs[-1]) / 2
    right.annotate(
        f"epoch {selected_epoch}: {chosen:.1%}",
        (selected_epoch, chosen),
        xytext=(-8 if late else 8, 8),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=NORMAL,
        color=BLUE,
    )
    left.set_xlabel("epoch", fontsize=NORMAL)
    left.set_ylabel("training loss", color=ORANGE, fontsize=NORMAL)
    right.set_ylabel("selection accuracy", color=BLUE, fontsize=NORMAL)
    left.set_ylim(bottom=0)
    right.set_ylim(0, 1)
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    if stand_in:
        mark_stand_in(figure, left)
    return figure
