"""What all figures share: size, fonts, colours that colour-blind readers tell apart, the stand-in mark."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ParamSpec

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fusionbench.figures.lettering import POINTS, families, line_width, wrapped
from fusionbench.figures.quiet import quiet

Arguments = ParamSpec("Arguments")

# Okabe & Ito, "Color Universal Design" (2008): told apart with every common colour blindness.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREY = "#6B6B6B"
PALE = "#DDDDDD"

DARK = 0.5
"""share from which ``share_colours`` are dark enough for white numbers"""
_FADED = 0.25
"""share below which colours fade to paper"""

COLUMN, PAGE = 3.46, 7.16
"""inches: one column and two of a printed page, 88 and 182 mm"""
TALLEST = 9.0
"""inches of a page that a figure and its caption fit on"""
LINE = 1.25 * POINTS / 72
"""inches from one line of text to the next"""
PAD = 0.06
"""inches between text and what stands beside it"""
_SLOPE = 20
"""degrees that the stand-in mark rises by"""

_LOOK = {
    "font.size": POINTS,
    "text.parse_math": False,  # text comes from data: `$x` and `a_b^c` are names, no formulas
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,  # publishers refuse type 3
    "ps.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "fusionbench",  # the same data give the same bytes
}


@contextmanager
def printing() -> Iterator[None]:
    """Our settings in place of the user's, while figures are made, drawn or written."""
    with quiet(), matplotlib.style.context(["default", {**_LOOK, "font.family": families()}]):
        yield


def styled(make: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Makes a figure under `printing`."""

    @functools.wraps(make)
    def made(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with printing():
            return make(*args, **kwargs)

    return made


def new_figure(
    width: float,
    height: float,
    *,
    left: float,
    right: float = PAD,
    bottom: float,
    top: float = PAD,
    title: str = "",
) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, outside pyplot's global state. Everything in inches.

    The margins are given, not searched for: that halves the time a figure takes.

    Args:
        width: of the figure.
        height: of the figure; a title comes on top of it.
        left: margin beside the axes, as are ``right``, ``bottom`` and ``top``.
        title: above the axes, on the left; for screens, since a printed figure has a caption.
    """
    lines = wrapped(title, 0.8 * width) if title else []  # bold letters are wider
    height, top = height + LINE * len(lines), top + LINE * len(lines)
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    inner = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    axes = figure.add_axes(inner)
    if lines:
        figure.text(PAD / width, 1 - PAD / height, "\n".join(lines), fontweight="bold", va="top")
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """Leaves the axes only the lines that say something."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, labelcolor="black", length=2.5, pad=2.5)


def round_ticks(axis: Axis, most: int, *, percent: bool = False, **settings: bool) -> None:
    """No more than so many numbers on an axis, at steps of 1, 2, 2.5 or 5."""
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], **settings))
    if percent:
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))


def share_colours() -> Colormap:
    """Colours of shares from 0 to 1: white where there is nothing, then cividis, which turns grey evenly."""
    share = np.linspace(0, 1, 256)[:, None]
    ink = np.minimum(1, share / _FADED)
    return ListedColormap(1 - ink * (1 - matplotlib.colormaps["cividis_r"](share[:, 0])))


def tick_width(axis: Axis) -> float:
    """Inches that the longest number on a vertical axis takes."""
    return max(
        map(line_width, axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))), default=0
    )


def explain(figure: Figure, lines: Sequence[str]) -> None:
    """Writes what the marks are into the lower left corner."""
    width, height = figure.get_size_inches()
    figure.text(PAD / width, PAD / height, "\n".join(lines), color=GREY, va="bottom")


def mark_stand_in(figure: Figure, axes: Axes) -> None:
    """Writes ``stand-in data`` across the axes, behind lines and numbers, too large to crop away."""
    words = "stand-in data"
    width, height = axes.get_position().size * figure.get_size_inches()
    steep = math.radians(_SLOPE)
    wide = line_width(words)
    tall = wide * math.sin(steep) + LINE * math.cos(steep)
    axes.text(
        0.5,
        0.5,
        words,
        transform=axes.transAxes,
        fontsize=min(40.0, POINTS * 0.8 * width / wide, POINTS * height / tall),
        fontweight="bold",
        color=ORANGE,
        alpha=0.22,
        rotation=_SLOPE,
        ha="center",
        va="center",
        zorder=1,  # above an image (0), below lines (2) and text (3)
        in_layout=False,
    )
