"""How much of the scores' variation each option accounts for."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from fusionbench.figures.lettering import distinct, line_width, wrapped
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    LINE,
    PAD,
    explain,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_ROW = 0.22  # inches
_NAME = 1.6
"""inches that an option's name may take; the table has it whole"""
_MOST = 30
"""options that are drawn"""


@styled
def option_importance(shares: Mapping[str, float], *, stand_in: bool = False) -> Figure:
    """A bar an option, the most important on top.

    Args:
        shares: option -> share of the variation, between 0 and 1.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: no options.
    """
    if not shares:
        raise ValueError("no option has an importance")
    ordered = sorted(shares.items(), key=lambda item: -item[1])[:_MOST]
    names = distinct([name for name, _ in ordered], _NAME)
    explained = wrapped("share of the variation over trials (PED-ANOVA)", COLUMN - 2 * PAD)
    bottom = LINE * len(explained) + LINE + 3 * PAD
    number = line_width("100 %") + 2 * PAD
    figure, axes = new_figure(
        COLUMN,
        bottom + _ROW * len(ordered) + PAD,
        left=2 * PAD + max(map(line_width, names)),
        right=number,
        bottom=bottom,
    )
    values = [share for _, share in ordered]
    axes.barh(range(len(ordered)), values, height=0.6, color=BLUE)
    for place, share in enumerate(values):
        axes.annotate(
            f"{100 * share:.0f} %",
            (share, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        )
    axes.set_yticks(range(len(ordered)), names)
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    axes.set_xlim(0, max(*values, 0.01))
    axes.tick_params(axis="y", length=0)
    round_ticks(axes.xaxis, 4, percent=True)
    explain(figure, explained)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure
