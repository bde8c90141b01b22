"""One clip's streams over time: few channels as lines, many as an image, each channel on its own scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusionbench.figures.lettering import drawable, line_width, shortened, wrapped
from fusionbench.figures.style import (
    GREY,
    LINE,
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

FEW = 8
"""channels that are drawn as lines; more are an image"""
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#6B6B6B")
"""Okabe & Ito (2008), those of their colours that a thin line shows on white"""
_PANEL = 1.1
_GAP = 0.18
_STRIP = 0.16
"""inches of the strip of labels"""
_MOST = 6
"""streams that are drawn; the words below name the others"""


@styled
def clip_streams(
    streams: Mapping[str, np.ndarray],
    title: str = "",
    labels: Sequence[str] = (),
    *,
    stand_in: bool = False,
) -> Figure:
    """A panel a stream, all on one axis of steps, and the label of each step where there are such.

    Args:
        streams: name -> ``(time, dim)`` finite numbers, of one time.
        title: above the panels, for screens.
        labels: of each step, empty where nobody judged it.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: there is no stream, or they differ in time.
    """
    lengths = {len(values) for values in streams.values()}
    if len(lengths) != 1 or (labels and len(labels) not in lengths):
        raise ValueError(f"streams of one time are needed, and as many labels; got {sorted(lengths)} steps")
    (time,) = lengths
    drawn = dict(list(streams.items())[:_MOST])
    words = _words(streams, drawn, labels)
    strip = _STRIP + _GAP if labels else 0.0
    bottom = LINE * len(words) + 2 * LINE + 3 * PAD + strip
    panel = min(_PANEL, (TALLEST - bottom) / len(drawn) - _GAP)
    left = LINE + 4 * PAD + line_width("-0.000")
    height = bottom + (panel + _GAP) * len(drawn)
    figure, whole = new_figure(PAGE, height, left=left, bottom=bottom, title=title)
    whole.set_axis_off()
    total = figure.get_figheight()
    across = (left / PAGE, (PAGE - left - PAD) / PAGE)
    last = None
    for number, (name, values) in enumerate(drawn.items()):
        base = bottom + (len(drawn) - 1 - number) * (panel + _GAP)
        axes = figure.add_axes((across[0], base / total, across[1], panel / total), sharex=last)
        plain(axes)
        _draw(axes, np.asarray(values, dtype=float))
        axes.set_ylabel(shortened(name, panel))
        axes.yaxis.set_label_coords((2 * PAD + LINE - left) / (PAGE - left - PAD), 0.5)
        axes.tick_params(labelbottom=False)
        if stand_in and number == 0:
            mark_stand_in(figure, axes)
        last = axes
    assert last is not None
    if labels:
        base = bottom - strip
        last = figure.add_axes((across[0], base / total, across[1], _STRIP / total), sharex=last)
        _draw_labels(last, labels)
    last.tick_params(labelbottom=True)
    last.set_xlabel("step")
    last.set_xlim(0.5, time + 0.5)
    round_ticks(last.xaxis, 10, integer=True)
    explain(figure, words)
    return figure


def _words(
    streams: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray], labels: Sequence[str]
) -> list[str]:
    said = []
    if any(values.shape[1] > FEW for values in drawn.values()):
        said.append(
            f"a stream of more than {FEW} channels is an image: channels from top to bottom, each from its "
            "least value (dark) to its largest (bright), grey where it does not change"
        )
    if len(drawn) < len(streams):
        said.append(f"not drawn: {', '.join(list(streams)[len(drawn) :])}")
    if labels:
        said.append("strip: the label of each step; white: not judged")
    return wrapped(drawable("; ".join(said)), PAGE - 2 * PAD) if said else []


def _draw(axes: Axes, values: np.ndarray) -> None:
    time, width = values.shape
    steps = np.arange(1, time + 1)
    if width <= FEW:
        for channel, colour in zip(values.T, _COLOURS, strict=False):
            axes.plot(steps, channel, color=colour, linewidth=0.8, marker="o" if time == 1 else "")
        round_ticks(axes.yaxis, 4)
        return
    low, span = values.min(axis=0), np.ptp(values, axis=0)
    scaled = (values - low) / np.where(span > 0, span, 1)
    colours = matplotlib.colormaps["cividis"](scaled.T)
    colours[span == 0] = matplotlib.colors.to_rgba(PALE)
    axes.imshow(
        colours, extent=(0.5, time + 0.5, width - 0.5, -0.5), aspect="auto", interpolation="nearest", zorder=0
    )
    round_ticks(axes.yaxis, 4, integer=True)


def _draw_labels(axes: Axes, labels: Sequence[str]) -> None:
    names = {name: k for k, name in enumerate(dict.fromkeys(label for label in labels if label))}
    inch = (PAGE - 1) / len(labels)  # of a step, nearly
    first = 0
    for label, run in groupby(labels):
        last = first + len(list(run))
        if label:
            colour = _COLOURS[names[label] % len(_COLOURS)]
            axes.axvspan(first + 0.5, last + 0.5, color=colour, linewidth=0)
            word = shortened(label, (last - first) * inch)
            if line_width(word) <= (last - first) * inch:
                axes.text((first + last + 1) / 2, 0.45, word, color="white", ha="center", va="center")
        first = last
    axes.set_ylim(0, 1)
    axes.spines[:].set_color(GREY)
    axes.set_yticks([])
    axes.tick_params(colors=GREY, labelcolor="black", length=2.5, pad=2.5)
