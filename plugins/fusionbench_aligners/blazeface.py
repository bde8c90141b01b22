"""BlazeFace's numbers to faces: anchors, decoding, blending. Arrays only, no network.

Bazarevsky et al. 2019 (arXiv 1907.05047); the short range network of MediaPipe.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

SIDE = 128
"""pixels of the square that the network sees"""
GRIDS = ((16, 2), (8, 6))
"""cells a side, anchors a cell: strides 8 and 16"""
CLIPPED = 100.0
"""largest score before the sigmoid"""
LEAST = 0.5
"""score from which on there is a face"""
SAME = 0.3
"""overlap (intersection over union) from which on two boxes are of one face"""


@dataclass(frozen=True)
class Detection:
    """A face, in [0, 1] of the square."""

    box: np.ndarray
    """``(4,)`` left, top, right, bottom"""
    points: np.ndarray
    """``(6, 2)`` the person's right eye, left eye, nose, mouth, right ear, left ear"""
    score: float


@functools.cache
def anchors() -> np.ndarray:
    """Middles of the 896 anchors ``(896, 2)``, x and y in [0, 1], row by row, the finer grid first."""
    centres = []
    for cells, each in GRIDS:
        rows, cols = np.mgrid[:cells, :cells]
        middles = np.stack([cols, rows], axis=-1).reshape(-1, 2)
        centres.append(np.repeat((middles + 0.5) / cells, each, axis=0))
    return np.concatenate(centres)


def decoded(regressors: np.ndarray, scores: np.ndarray) -> list[Detection]:
    """All faces that the network saw, the surest first.

    Boxes that overlap are of one face; their places are averaged by score, which is steadier
    than the best one alone.

    Args:
        regressors: ``(896, 16)``: middle, width and height of the box, then six points; in pixels,
            places from the anchor.
        scores: ``(896,)`` before the sigmoid.
    """
    sure = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -CLIPPED, CLIPPED)))
    kept = np.flatnonzero(sure > LEAST)
    order = kept[np.argsort(-sure[kept], kind="stable")]
    values = regressors[order].astype(np.float64) / SIDE
    centres = values[:, :2] + anchors()[order]
    half = values[:, 2:4] / 2
    boxes = np.concatenate([centres - half, centres + half], axis=1)
    points = values[:, 4:].reshape(-1, 6, 2) + anchors()[order][:, None]
    return _blended(boxes, points, sure[order])


def _blended(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> list[Detection]:
    faces = []
    left = np.arange(len(boxes))
    while len(left):
        of_one = _overlaps(boxes[left[0]], boxes[left]) > SAME
        of_one[0] = True
        group, left = left[of_one], left[~of_one]
        weights = scores[group] / scores[group].sum()
        faces.append(
            Detection(
                np.tensordot(weights, boxes[group], 1),
                np.tensordot(weights, points[group], 1),
                float(scores[group[0]]),
            )
        )
    return faces


def _overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box ``(4,)`` with others ``(boxes, 4)``."""
    both = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None).prod(1)
    areas = np.clip(others[:, 2:] - others[:, :2], 0, None).prod(1)
    union = np.clip(box[2:] - box[:2], 0, None).prod() + areas - both
    return both / np.maximum(union, 1e-12)


@dataclass(frozen=True)
class Letterbox:
    """A frame laid in the middle of a square, its sides kept in proportion."""

    scale: float
    """pixels of the square a pixel of the frame"""
    left: int
    top: int

    def back(self, points: np.ndarray) -> np.ndarray:
        """Places in [0, 1] of the square to the frame's pixels (the first pixel's middle is at 0)."""
        return (points * SIDE - [self.left, self.top]) / self.scale - 0.5


def letterbox(height: int, width: int) -> tuple[Letterbox, tuple[int, int]]:
    """How a frame is laid into the square, and the ``(width, height)`` it is scaled to."""
    scale = SIDE / max(height, width)
    wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
    return Letterbox(scale, (SIDE - wide) // 2, (SIDE - high) // 2), (wide, high)
