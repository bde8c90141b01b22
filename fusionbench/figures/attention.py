"""Where a head looked in one clip: maps of target by source, one frame's attention, weights along an axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fusionbench.figures.lettering import distinct, line_width, shortened
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    ORANGE,
    PAD,
    PAGE,
    PALE,
    mark_stand_in,
    new_figure,
    plain,
    round_ticks,
    share_colours,
    styled,
)

# Okabe & Ito (2008), those of their colours that a thin line shows on white; then again, dashed.
_COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")
_MOST_LINES = len(_COLOURS) * len(_STYLES)
_SCALE = 0.62
"""inches beside maps for the scale of their colours"""
_TALLEST_MAP = 2.4
_FEW = 24
"""positions that are marked one by one"""
_LINES_HEIGHT = 1.7
_LEGEND_NAME = 2.4
"""inches that a name in a legend may take"""


@styled
def attention_maps(
    maps: Mapping[str, np.ndarray], frame: int | None, title: str = "", *, stand_in: bool = False
) -> Figure:
    """Each map as target (down) by source (across), one scale for all; one frame's row and column are marked.

    Args:
        maps: what reads what -> weights ``(targets, sources)``, averaged over heads.
        frame: the marked frame, counted from 0; None marks none.
        title: above the maps, for screens.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: there is no map.
    """
    if not maps:
        raise ValueError("attention needs at least one map")
    columns = min(math.ceil(math.sqrt(len(maps))), 4)
    rows = math.ceil(len(maps) / columns)
    width = COLUMN if columns == 1 else PAGE
    left, above, gap = LINE + 3 * PAD + line_width("100"), LINE + PAD, 0.35
    side = min((width - left - _SCALE - gap * (columns - 1)) / columns, _TALLEST_MAP)
    below = 2 * LINE + 3 * PAD
    width = max(COLUMN, left + columns * side + gap * (columns - 1) + _SCALE)
    height = rows * (above + side) + (rows - 1) * gap + below
    figure, whole = new_figure(width, height, left=left, right=_SCALE, bottom=below, title=title)
    whole.set_axis_off()
    total = figure.get_figheight()
    top = height
    highest = max(float(np.max(weights)) for weights in maps.values()) or 1.0
    colours = ScalarMappable(Normalize(0, highest), share_colours())
    names = distinct(list(maps), side)
    for number, (name, weights) in enumerate(zip(names, maps.values(), strict=True)):
        row, column = divmod(number, columns)
        bottom = top - (row + 1) * (above + side) - row * gap
        axes = figure.add_axes(
            ((left + column * (side + gap)) / width, bottom / total, side / width, side / total)
        )
        _draw_map(axes, np.asarray(weights), frame, colours)
        axes.set_title(name, fontsize="medium", pad=3)
        if column == 0:
            axes.set_ylabel("target frame")
        if number + columns >= len(maps):
            axes.set_xlabel("source frame")
        if stand_in and number == 0:
            mark_stand_in(figure, axes)
    beside = figure.add_axes(
        ((width - _SCALE + 2 * PAD) / width, (top - above - side) / total, 0.1 / width, side / total)
    )
    scale = figure.colorbar(colours, beside)
    round_ticks(beside.yaxis, 4)
    scale.outline.set_visible(False)
    beside.tick_params(length=0, pad=2.5)
    return figure


def _draw_map(axes: Axes, weights: np.ndarray, frame: int | None, colours: ScalarMappable) -> None:
    targets, sources = weights.shape
    extent = (0.5, sources + 0.5, targets + 0.5, 0.5)  # frames are counted from 1
    axes.imshow(colours.to_rgba(weights, bytes=True), extent=extent, interpolation="nearest", aspect="auto")
    axes.spines[:].set_color(PALE)
    axes.tick_params(colors=GREY, labelcolor="black", length=2, pad=2)
    _count(axes.xaxis, sources, 5)
    _count(axes.yaxis, targets, 5)
    for line, count in ((axes.axhline, targets), (axes.axvline, sources)):
        if (
            frame is not None and frame < count
        ):  # on both sides of the frame, or where frames are narrow on it
            for edge in (0.5, 1.5) if count <= _FEW else (1,):
                line(frame + edge, color=ORANGE, linewidth=0.8, zorder=2)


@styled
def frame_attention(
    maps: Mapping[str, np.ndarray], frame: int, title: str = "", *, stand_in: bool = False
) -> Figure:
    """What one frame reads (above), and how much every frame reads of it (below), one line a map.

    Args:
        maps: as ``attention_maps``.
        frame: counted from 0.
        title: above, for screens.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: there is no map, or none has the frame.
    """
    reads = {name: w[frame] for name, w in maps.items() if frame < w.shape[0]}
    is_read = {name: w[:, frame] for name, w in maps.items() if frame < w.shape[1]}
    if not reads or not is_read:
        raise ValueError(f"no map has a frame {frame + 1}")
    panels = {
        f"weight that frame {frame + 1} gives": (reads, "source frame"),
        f"weight that frame {frame + 1} gets": (is_read, "target frame"),
    }
    return _panels(panels, frame, title, stand_in)


@styled
def attention_along(
    lines: Mapping[str, np.ndarray],
    axis: str,
    title: str = "",
    *,
    names: Sequence[str] = (),
    stand_in: bool = False,
) -> Figure:
    """Weights along one axis, one line each.

    Args:
        lines: what reads -> weights ``(positions,)``, averaged over heads.
        axis: what stands along the axis.
        title: above, for screens.
        names: of the positions; without them they are counted from 1.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: there is no line.
    """
    if not lines:
        raise ValueError("attention needs at least one line")
    return _panels({"weight": (lines, axis)}, None, title, stand_in, names)


def _panels(
    panels: Mapping[str, tuple[Mapping[str, np.ndarray], str]],
    frame: int | None,
    title: str,
    stand_in: bool,
    names: Sequence[str] = (),
) -> Figure:
    """Panels one below the other, and below them the names of the lines."""
    every = list(dict.fromkeys(name for lines, _ in panels.values() for name in lines))
    shown = every[:_MOST_LINES]
    labels = dict(zip(shown, distinct(shown, _LEGEND_NAME), strict=True))
    legend = [name for name in shown if len(every) > 1 or name]
    width = PAGE if max(len(w) for lines, _ in panels.values() for w in lines.values()) > _FEW else COLUMN
    left, step = LINE + 3 * PAD + line_width("0.00"), _LINES_HEIGHT + 2 * LINE + 3 * PAD
    columns = max(1, int((width - left) // (max(map(line_width, labels.values())) + 0.45)))
    below = LINE * math.ceil(len(legend) / columns) + PAD + (LINE if len(every) > len(shown) else 0)
    height = step * len(panels) + below + PAD
    figure, whole = new_figure(width, height, left=left, bottom=below, title=title)
    whole.set_axis_off()
    total = figure.get_figheight()
    for number, (label, (lines, axis)) in enumerate(panels.items()):
        bottom = height - PAD - number * step - _LINES_HEIGHT
        axes = figure.add_axes(
            (left / width, bottom / total, (width - left - 2 * PAD) / width, _LINES_HEIGHT / total)
        )
        plain(axes)
        for place, name in enumerate(shown):
            if name in lines:
                _draw_line(axes, np.asarray(lines[name]), place, joined=not names)
        if frame is not None:
            axes.axvline(frame + 1, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_ylim(bottom=0)
        axes.set_ylabel(shortened(label, _LINES_HEIGHT + 2 * LINE))
        axes.set_xlabel(axis)
        round_ticks(axes.yaxis, 4)
        if names:
            axes.set_xticks(range(1, len(names) + 1), distinct(names, (width - left) / len(names)))
            axes.set_xlim(0.6, len(names) + 0.4)
        else:
            _count(axes.xaxis, max(map(len, lines.values())), 8)
        if stand_in and number == 0:
            mark_stand_in(figure, axes)
    _draw_legend(figure, [labels[name] for name in legend], columns, below, len(every) - len(shown))
    return figure


def _draw_line(axes: Axes, weights: np.ndarray, place: int, joined: bool) -> None:
    colour, style = _line(place)
    marker = "o" if len(weights) <= _FEW or not joined else ""
    positions = range(1, len(weights) + 1)
    axes.plot(
        positions,
        weights,
        linestyle=style if joined else "none",
        marker=marker,
        color=colour,
        markersize=3 if joined else 5,
    )


def _count(axis: Axis, positions: int, most: int) -> None:
    """Whole numbers from 1, no more than so many."""
    if positions <= most:
        axis.set_ticks(range(1, positions + 1))
    else:
        round_ticks(axis, most, integer=True)


def _line(place: int) -> tuple[str, Any]:
    return _COLOURS[place % len(_COLOURS)], _STYLES[place // len(_COLOURS)]


def _draw_legend(figure: Figure, labels: Sequence[str], columns: int, below: float, left_out: int) -> None:
    """Names of the lines, in the margin at the bottom."""
    if not labels:
        return
    width, height = figure.get_size_inches()
    each = (width - 2 * PAD) / columns
    for place, label in enumerate(labels):
        colour, style = _line(place)
        row, column = divmod(place, columns)
        x, y = PAD + column * each, below - LINE * (row + 0.6)
        figure.add_artist(
            Line2D([x / width, (x + 0.3) / width], [y / height] * 2, color=colour, linestyle=style)
        )
        figure.text((x + 0.36) / width, y / height, label, va="center")
    if left_out:
        figure.text(
            PAD / width, 0.6 * LINE / height, f"and {left_out} more, which are not drawn", va="center"
        )
