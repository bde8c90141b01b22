"""The course of probabilities over clips: a panel a clip, a line a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusionbench.figures.lettering import drawable, line_width, shortened, wrapped
from fusionbench.figures.style import (
    BLUE,
    GREY,
    LINE,
    ORANGE,
    PAD,
    PAGE,
    PALE,
    TALLEST,
    explain,
    mark_stand_in,
    new_figure,
    plain,
    round_ticks,
    styled,
)

# Okabe & Ito without yellow, which is too pale for a line; the two that are looked at first lead.
_COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_HEIGHT = 1.25  # inches of one panel's axes
_LEFT = 0.5
_KEY = 0.22
"""inches of line before a class's name in the key"""


@dataclass(frozen=True)
class Told:
    """What was said of one clip."""

    name: str
    moments: np.ndarray
    """``(windows,)`` the middle of each window"""
    probabilities: np.ndarray
    """``(windows, classes)``, NaN where nothing was said"""


@styled
def over_time(
    clips: Sequence[Told],
    classes: Sequence[str],
    *,
    unit: str = "seconds",
    caption: str = "",
    stand_in: bool = False,
) -> Figure:
    """Probability of each class over each clip. A line breaks where nothing was said.

    Args:
        clips: no more of them drawn than a page holds.
        classes: names, in the order of the probabilities; beyond seven, those never likely are grey.
        unit: of the moments.
        caption: who said it, below the panels.
        stand_in: who said it was trained on generated data; marks the figure.

    Raises:
        ValueError: no clips.
    """
    if not clips:
        raise ValueError("a course needs at least one clip")
    step = _HEIGHT + 3.4 * LINE
    most = int((TALLEST - 5 * LINE) / step)
    drawn = clips[:most]
    left_out = f"; the first {most} of {len(clips)} clips" if most < len(clips) else ""
    explained = wrapped(f"{caption}{left_out}", PAGE - 2 * PAD) if caption or left_out else []
    key = _key_lines(classes)
    bottom = LINE * (len(explained) + len(key)) + 4 * PAD
    height = bottom + step * len(drawn)
    colours = _colours(drawn, len(classes))
    figure: Figure | None = None
    for number, told in enumerate(drawn):
        low = height - step * (number + 1) + 2 * LINE
        if figure is None:
            figure, axes = new_figure(
                PAGE, height, left=_LEFT, right=2 * PAD, bottom=low, top=height - low - _HEIGHT
            )
        else:
            wide = (PAGE - _LEFT - 2 * PAD) / PAGE
            axes = figure.add_axes((_LEFT / PAGE, low / height, wide, _HEIGHT / height))
            plain(axes)
        _panel(axes, told, colours)
        axes.set_xlabel(unit if number == len(drawn) - 1 else "")
        if stand_in:
            mark_stand_in(figure, axes)
    assert figure is not None
    _write_key(figure, key, colours, list(classes), LINE * len(explained) + 2 * PAD)
    if explained:
        explain(figure, explained)
    return figure


def _panel(axes: Axes, told: Told, colours: Sequence[str]) -> None:
    few = len(told.moments) <= 12
    for k in np.argsort([colour != PALE for colour in colours], kind="stable"):  # the pale ones below
        axes.plot(
            told.moments, told.probabilities[:, k], "o-" if few else "-", color=colours[k], markersize=2.5
        )
    axes.set_ylim(0, 1)
    begin, end = float(np.min(told.moments)), float(np.max(told.moments))
    axes.set_xlim(begin, end if end > begin else begin + 1)
    round_ticks(axes.xaxis, 9)
    round_ticks(axes.yaxis, 4, percent=True)
    name = shortened(told.name, PAGE - _LEFT - 4 * PAD)
    axes.annotate(name, (0, 1), (2, 3), "axes fraction", "offset points", va="bottom")
    axes.spines["left"].set_color(GREY)


def _colours(clips: Sequence[Told], classes: int) -> list[str]:
    """One a class; where there are more classes than colours, those that were likeliest get them."""
    order = list(range(classes))
    if classes > len(_COLOURS):
        highest = [
            max(float(np.nanmax(each.probabilities[:, k], initial=0)) for each in clips) for k in order
        ]
        order = sorted(np.argsort(highest)[::-1][: len(_COLOURS)].tolist())
    colours = [PALE] * classes
    for colour, k in zip(_COLOURS, order, strict=False):
        colours[k] = colour
    return colours


def _key_lines(classes: Sequence[str]) -> list[list[int]]:
    """Which classes stand on which line of the key."""
    lines: list[list[int]] = [[]]
    used = 0.0
    for k, name in enumerate(classes):
        wide = _entry_width(name)
        if lines[-1] and used + wide > PAGE - _LEFT:
            lines.append([])
            used = 0.0
        lines[-1].append(k)
        used += wide
    return lines


def _entry_width(name: str) -> float:
    return _KEY + line_width(drawable(name)) + 4 * PAD


def _write_key(
    figure: Figure, lines: list[list[int]], colours: Sequence[str], classes: Sequence[str], bottom: float
) -> None:
    width, height = figure.get_size_inches()
    for number, line in enumerate(lines):
        x, y = _LEFT, bottom + LINE * (len(lines) - number - 0.5)
        for k in line:
            axes = figure.add_axes((x / width, (y - LINE / 4) / height, _KEY / width, LINE / 2 / height))
            axes.set_axis_off()
            axes.plot([0, 1], [0, 0], color=colours[k], linewidth=2)
            figure.text((x + _KEY + PAD) / width, y / height, drawable(classes[k]), va="center")
            x += _entry_width(classes[k])
