"""Names beside points, placed so that none covers a point or another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusionbench.figures.lettering import line_width
from fusionbench.figures.style import LINE

_GAP = 0.07  # inches between a point and its name
_POINT = 0.05  # inches that a point takes to each side


@dataclass(frozen=True)
class _Box:
    """A rectangle, in inches."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


def name_points(axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str]) -> None:
    """Writes each name where there is room: right of its point, left, above or below; else nowhere.

    Args:
        axes: with its limits as they will stay.
        points: in data coordinates; the first come first.
        names: one a point.
    """
    figure = axes.figure
    assert isinstance(figure, Figure)
    place = axes.get_position()
    width, height = figure.get_size_inches()
    frame = _Box(place.x0 * width, place.y0 * height, place.x1 * width, place.y1 * height + LINE)
    at = [tuple(xy / figure.dpi) for xy in axes.transData.transform(list(points))]
    taken = [_Box(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in at]
    for (x, y), name in zip(at, names, strict=True):
        wide = line_width(name)
        for corner in (
            (x + _GAP, y - LINE / 2),
            (x - _GAP - wide, y - LINE / 2),
            (x - wide / 2, y + _GAP),
            (x - wide / 2, y - _GAP - LINE),
        ):
            box = _Box(corner[0], corner[1], corner[0] + wide, corner[1] + LINE)
            inside = box.left >= frame.left and box.right <= frame.right
            inside = inside and box.bottom >= frame.bottom and box.top <= frame.top
            if inside and not any(box.meets(other) for other in taken):
                middle = (box.bottom + box.top) / 2
                axes.text(box.left / width, middle / height, name, transform=figure.transFigure, va="center")
                taken.append(box)
                break
