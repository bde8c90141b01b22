"""Short films of a bright square, and an aligner that finds it: all of prepare without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

import fusionbench as fb

WIDTH, HEIGHT = 96, 64
LEFT, TOP, SIDE = 20, 10, 40
FIVE = np.array([[10, 15], [30, 15], [20, 24], [12, 33], [28, 33]], np.float64)
"""eyes, nose and mouth inside the square"""


def film(path: Path, shown: Sequence[bool], level: int = 200) -> Path:
    """A film whose frames show the square or nothing; its lower half is a little darker each frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for number, there in enumerate(shown):
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        if there:
            frame[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = max(level - 2 * number, 110)
        writer.write(frame)
    writer.release()
    return path


class Square(fb.Aligner):
    """Finds the bright square."""

    name = "square"
    gives = frozenset({"landmarks"})

    @classmethod
    def versions(cls, config):
        return {"square": "1"}

    def sightings(self, footage: fb.Footage) -> Iterator[fb.Sighting]:
        for frame in footage.frames:
            rows, columns = np.nonzero(frame[..., 1] > 100)
            if not len(rows):
                yield fb.Sighting(reason="nothing bright")
                continue
            corner = np.array([columns.min(), rows.min()], np.float64)
            box = (*corner.tolist(), float(columns.max()), float(rows.max()))
            marks = corner + np.linspace(0, SIDE - 1, 68)[:, None]
            yield fb.Sighting(fb.Face(box, corner + FIVE, marks), faces=1)
