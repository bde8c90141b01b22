"""Faces and what was made of them: a region's neighbours on the face; clips that were told right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fusionbench.figures.lettering import shortened
from fusionbench.figures.style import (
    BLUE,
    COLUMN,
    LINE,
    ORANGE,
    PAD,
    PAGE,
    mark_stand_in,
    new_figure,
    round_ticks,
    styled,
)

_SCALE = 0.62
"""inches beside a face for the scale of its colours"""


@dataclass(frozen=True)
class Sample:
    """One clip and what was said of it."""

    clip: str
    frames: np.ndarray
    """``(time, height, width, 3)`` uint8, RGB"""
    truth: str
    predicted: str
    probability: float
    """of what was predicted"""

    @property
    def right(self) -> bool:
        """Whether the prediction is the truth."""
        return self.truth == self.predicted


@styled
def region_neighbours(
    face: np.ndarray,
    boxes: np.ndarray,
    weights: np.ndarray,
    region: int,
    title: str = "",
    *,
    stand_in: bool = False,
) -> Figure:
    """A face, one of its regions, and how much that region reads of each other, drawn over it.

    Lines run from the region to what it reads, thicker where it reads more; colours have a scale.

    Args:
        face: ``(height, width, 3)`` uint8, RGB.
        boxes: ``(regions, 4)``, left, top, right, bottom in [0, 1].
        weights: ``(regions,)``, what the region reads of each, averaged over heads.
        region: its number.
        title: above, for screens.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: boxes and weights are not of the same regions.
    """
    if len(boxes) != len(weights) or not 0 <= region < len(boxes):
        raise ValueError(f"{len(boxes)} boxes and {len(weights)} weights cannot show region {region}")
    side = COLUMN - _SCALE - PAD
    figure, axes = new_figure(COLUMN, side + 2 * PAD, left=PAD, right=_SCALE, bottom=PAD, title=title)
    axes.imshow(face, extent=(0, 1, 1, 0), cmap="gray", aspect="auto")
    axes.set_axis_off()
    highest = float(weights.max()) or 1.0
    colours = ScalarMappable(Normalize(0, highest), "cividis_r")  # white would be lost on a face
    shades = colours.to_rgba(weights)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    for number in np.argsort(weights):
        weight = float(weights[number])
        if weight <= 0 and number != region:
            continue
        share = weight / highest
        left, top, right, bottom = boxes[number]
        shade = (*shades[number][:3], 0.15 + 0.4 * share)
        axes.add_patch(
            Rectangle(
                (left, top), right - left, bottom - top, facecolor=shade, edgecolor="white", linewidth=0.4
            )
        )
        if number != region:
            ends = middle[[region, number]].T
            axes.plot(*ends, color="white", linewidth=1 + 2.5 * share, solid_capstyle="round")
            axes.plot(*ends, color=BLUE, linewidth=0.4 + 2 * share, solid_capstyle="round")
    left, top, right, bottom = boxes[region]
    axes.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=ORANGE, linewidth=2)
    )
    place = axes.get_position()
    width = figure.get_figwidth()
    beside = figure.add_axes(((COLUMN - _SCALE + 2 * PAD) / width, place.y0, 0.1 / width, place.height))
    scale = figure.colorbar(colours, beside)
    round_ticks(beside.yaxis, 4)
    scale.outline.set_visible(False)
    beside.tick_params(length=0, pad=2.5)
    if stand_in:
        mark_stand_in(figure, axes)
    return figure


@styled
def contact_sheet(
    samples: Sequence[Sample], title: str = "", *, most: int = 8, stand_in: bool = False
) -> Figure:
    """One row a clip: frames spread evenly over it, above them what is true and what was said.

    Args:
        samples: in the order they are shown.
        title: above, for screens.
        most: frames of a clip.
        stand_in: the data are generated; marks the figure.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("a contact sheet needs at least one clip")
    side = (PAGE - 2 * PAD) / most
    step = side + LINE + 2 * PAD
    figure, whole = new_figure(PAGE, step * len(samples) + PAD, left=PAD, bottom=PAD, title=title)
    height, top = figure.get_figheight(), step * len(samples) + PAD
    whole.set_axis_off()
    for row, sample in enumerate(samples):
        upper = top - row * step
        verdict = "right" if sample.right else "wrong"
        said = f"{verdict}: {sample.predicted} ({sample.probability:.0%})"
        told = said if sample.right else f"{said}, true: {sample.truth}"
        words = shortened(f"{told}; {sample.clip}", PAGE - 2 * PAD)
        figure.text(
            PAD / PAGE, (upper - PAD) / height, words, va="top", color=BLUE if sample.right else ORANGE
        )
        taken = np.linspace(0, len(sample.frames) - 1, min(most, len(sample.frames))).round().astype(int)
        for column, frame in enumerate(taken):
            axes = figure.add_axes(
                (
                    (PAD + column * side) / PAGE,
                    (upper - LINE - 2 * PAD - side) / height,
                    0.97 * side / PAGE,
                    0.97 * side / height,
                )
            )
            _draw_frame(axes, sample.frames[frame], frame + 1)
    if stand_in:
        mark_stand_in(figure, whole)
        whole.set_zorder(1)
        whole.patch.set_visible(False)
    return figure


def _draw_frame(axes: Axes, frame: np.ndarray, number: int) -> None:
    axes.imshow(frame, aspect="auto")
    axes.set_axis_off()
    axes.text(
        0.03, 0.03, str(number), transform=axes.transAxes, color="white",
        bbox={"facecolor": "black", "alpha": 0.55, "pad": 0.8, "linewidth": 0},
    )  # fmt: skip
