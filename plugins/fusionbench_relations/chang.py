"""Chang's graph: eight parts of a face after FACS (Table 6, row 3). An approximation.

Only the abstract could be read: a partition of the face derived from FACS and the
relations of its parts. Number, place and edges of the parts are our reading, on the 68
iBUG landmarks; parts are joined where they touch or mirror each other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .regions import Regions, crop, outlines

PARTS: dict[str, tuple[int, ...]] = {  # landmarks whose bounding box is the part; left in the image
    "brows": tuple(range(17, 27)),
    "left eye": tuple(range(36, 42)),
    "right eye": tuple(range(42, 48)),
    "nose": tuple(range(27, 36)),
    "left cheek": (2, 31, 41, 48),
    "right cheek": (14, 35, 46, 54),
    "mouth": tuple(range(48, 68)),
    "chin": (6, 7, 8, 9, 10, 57),
}
JOINED = (
    "brows-left eye, brows-right eye, brows-nose, left eye-nose, right eye-nose, "
    "left eye-left cheek, right eye-right cheek, nose-left cheek, nose-right cheek, "
    "nose-mouth, left cheek-mouth, right cheek-mouth, mouth-chin, "
    "left eye-right eye, left cheek-right cheek"  # mirror images
)
MARGIN = 0.02
"""added on every side, of the face's width: landmarks run along the parts, not around them"""
SAMPLES = 8
"""points a side of a part that are averaged: the brows cover some eight cells of a 12 x 12 map"""


class FaceParts(Regions):
    """The mean of the map over eight boxes."""

    needs_landmarks = True

    def __init__(self, map_shape: tuple[int, int, int], patches: int):
        super().__init__(map_shape, patches)
        names = list(PARTS)
        graph = torch.eye(len(names), dtype=torch.bool)
        for pair in JOINED.split(", "):
            one, other = (names.index(name) for name in pair.split("-"))
            graph[one, other] = graph[other, one] = True
        self.register_buffer("graph", graph, persistent=False)

    def boxes(self, landmarks: Tensor) -> Tensor:
        """``(frames, 8, 2, 3)`` in the form ``crop`` takes, from landmarks ``(frames, 68, 2)``."""
        corners = [
            torch.cat([landmarks[:, list(part)].amin(1), landmarks[:, list(part)].amax(1)], dim=-1)
            for part in PARTS.values()
        ]
        low, high = torch.stack(corners, dim=1).chunk(2, dim=-1)
        half = high - low + 2 * MARGIN  # of a map that is 2 wide, not 1
        return torch.cat([torch.diag_embed(half), (low + high - 1).unsqueeze(-1)], dim=-1)

    def forward(self, maps: Tensor, landmarks: Tensor | None) -> Tensor:
        assert landmarks is not None  # region_gat does not ask without
        boxes = self.boxes(landmarks.to(maps.dtype))
        return crop(maps, boxes, (SAMPLES, SAMPLES), outside="border").mean((-2, -1))

    def places(self, landmarks: Tensor | None) -> Tensor:
        assert landmarks is not None
        return outlines(self.boxes(landmarks))
