"""The aligner ``none``: frames that are aligned faces already, scaled to the size that is wanted."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from pydantic import Field

import fusionbench as fb


class Ready(fb.Aligner):
    """No aligner: every frame is a face that is aligned already; black ones are gaps."""

    name = "none"

    class Config(fb.Config):
        black: int = Field(
            16, ge=0, le=255, description="a frame without a brighter value than this shows no face"
        )

    config: Config

    def sightings(self, footage: fb.Footage) -> Iterator[fb.Sighting]:
        for frame in footage.frames:
            if is_black(frame, self.config.black):
                yield fb.Sighting(reason="a black frame")
            else:
                yield fb.Sighting(chip=scaled(frame, self.size), faces=1)


def is_black(frame: np.ndarray, most: int) -> bool:
    """Whether nothing of a frame is brighter than ``most``: as tools write where they found no face."""
    return int(frame.max()) <= most


def scaled(frame: np.ndarray, size: int) -> np.ndarray:
    """A frame ``(height, width, 3)`` as a square."""
    if frame.shape[:2] == (size, size):
        return frame
    method = cv2.INTER_AREA if max(frame.shape[:2]) > size else cv2.INTER_LINEAR
    return cv2.resize(frame, (size, size), interpolation=method)


@fb.hookimpl
def aligners() -> list[type[fb.Aligner]]:
    return [Ready]
