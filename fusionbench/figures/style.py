"""What all figures share: size, colours that colour-blind readers tell apart, and the stand-in mark."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design" (2008): told apart with every common colour blindness.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
GREY = "#6B6B6B"
PALE = "#DDDDDD"

NORMAL, LARGE = 11, 13
"""font sizes in points"""
CHARACTERS_AN_INCH = 8.5
"""of a bold title at ``LARGE``"""


def new_figure(width: float, height: float, title: str = "") -> tuple[Figure, Axes]:
    """A figure with one pair of axes, outside pyplot's global state.

    Args:
        width: in inches.
        height: in inches.
        title: above the axes, on the left.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if title:
        lines = textwrap.fill(title, int(width * CHARACTERS_AN_INCH))
        figure.suptitle(lines, fontsize=LARGE, fontweight="bold", x=0.02, ha="left")
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """Leaves the axes only the lines that say something."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, labelcolor="black", labelsize=NORMAL)


def mark_stand_in(figure: Figure, axes: Axes) -> None:
    """Writes ``stand-in data`` across the axes, behind lines and numbers, too large to crop away."""
    axes.text(
        0.5,
        0.5,
        "stand-in data",
        transform=axes.transAxes,
        fontsize=7.5 * figure.get_figwidth(),
        fontweight="bold",
        color=ORANGE,
        alpha=0.18,
        rotation=20,
        ha="center",
        va="center",
        zorder=1,  # above an image (0), below lines (2) and text (3)
        in_layout=False,
    )
