"""Soft painting on all frames of a clip at once: camera, patches, masks.

A patch is the part of the image that a feature can reach in any frame of the
clip; painting inside patches is what makes drawing fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIZE = 96
"""side of a drawn frame, in pixels"""
UNIT = SIZE / 2
"""pixels in a face unit"""
DEPTH = 0.35
"""how far a turn of the head moves what lies in the middle of the face"""


@dataclass(frozen=True)
class Pose:
    """How the face lies in the image, frame by frame; each array is ``(frames,)``."""

    roll: np.ndarray
    """radians"""
    shift_u: np.ndarray
    shift_v: np.ndarray
    scale: np.ndarray
    yaw: np.ndarray
    """-1 to 1; turns the middle of the face sideways"""

    def to_face(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Image coordinates in [-1, 1] to face coordinates; ``(frames, rows, cols)`` each."""
        cos, sin = self._turn()
        x, y = x - _tall(self.shift_u), y - _tall(self.shift_v)
        u, v = cos * x + sin * y, cos * y - sin * x
        return u - _tall(self.yaw) * DEPTH * np.clip(1 - u * u, 0, 1), v

    def to_image(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Face coordinates to image coordinates in [-1, 1]; the inverse of ``to_face``."""
        turned = u
        for _ in range(4):  # a fixed point: DEPTH * yaw is small
            turned = u + _tall(self.yaw) * DEPTH * np.clip(1 - turned * turned, 0, 1)
        cos, sin = self._turn()
        size = _tall(self.scale) ** 2
        x, y = (cos * turned - sin * v) * size, (sin * turned + cos * v) * size
        return x + _tall(self.shift_u), y + _tall(self.shift_v)

    def _turn(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of the roll over the scale."""
        return _tall(np.cos(self.roll) / self.scale), _tall(np.sin(self.roll) / self.scale)


class Canvas:
    """Frames being painted: ``image`` is ``(frames, 3, 96, 96)`` float32 in [0, 1]."""

    def __init__(self, pose: Pose):
        self.pose = pose
        frames = len(pose.roll)
        self.image = np.zeros((frames, 3, SIZE, SIZE), np.float32)
        axis = pixels_to_image(np.arange(SIZE, dtype=np.float32))
        u, v = pose.to_face(axis[None, None, :], axis[None, :, None])
        self._u, self._v = u.astype(np.float32), v.astype(np.float32)

    def patch(self, u: tuple[float, float], v: tuple[float, float]) -> Patch:
        """The pixels that the box ``u`` x ``v`` of the face covers in any frame."""
        corners_u, corners_v = np.meshgrid(np.linspace(*u, 5), np.linspace(*v, 5))
        x, y = self.pose.to_image(corners_u[None], corners_v[None])
        cols, rows = _span(x), _span(y)
        return Patch(self.image[:, :, rows, cols], self._u[:, rows, cols], self._v[:, rows, cols])

    def whole(self) -> Patch:
        """All pixels."""
        return Patch(self.image, self._u, self._v)


@dataclass(frozen=True)
class Patch:
    """A window of the canvas with the face coordinates of its pixels ``(frames, rows, cols)``."""

    image: np.ndarray
    u: np.ndarray
    v: np.ndarray

    def paint(self, mask: np.ndarray, colour: np.ndarray) -> None:
        """Lay a colour ``(3,)`` over the pixels, as opaque as ``mask`` says."""
        change = np.asarray(colour, np.float32).reshape(3, 1, 1) - self.image
        change *= mask[:, None]
        self.image[...] += change

    def shade(self, mask: np.ndarray) -> None:
        """Darken by the share ``mask``; a negative share brightens."""
        self.image[...] *= (1 - mask)[:, None]


def below(distance: np.ndarray, soft: float = 0.03) -> np.ndarray:
    """1 where ``distance`` is negative, 0 where positive, and a soft edge of about a pixel between."""
    covered = distance * np.float32(-1 / soft)
    covered += np.float32(0.5)
    return np.clip(covered, 0, 1, out=covered)


def between(
    v: np.ndarray, top: np.ndarray | float, bottom: np.ndarray | float, soft: float = 0.03
) -> np.ndarray:
    """1 where v lies between two curves."""
    return below(top - v, soft) * below(v - bottom, soft)


def stroke(distance: np.ndarray, width: np.ndarray | float, soft: float = 0.03) -> np.ndarray:
    """A line of this width where ``distance`` is zero."""
    return below(np.abs(distance) - np.asarray(width, np.float32) / 2, soft)


def blob(du: np.ndarray, dv: np.ndarray, radius_u: float, radius_v: float) -> np.ndarray:
    """A smooth bump, 1 in the middle and about .37 at the radius."""
    return np.exp(-((du / np.float32(radius_u)) ** 2) - (dv / np.float32(radius_v)) ** 2)


def pixels_to_image(pixels: np.ndarray) -> np.ndarray:
    """Pixel numbers to image coordinates in [-1, 1]."""
    return (pixels + 0.5) / UNIT - 1


def image_to_pixels(x: np.ndarray) -> np.ndarray:
    """Image coordinates in [-1, 1] to pixels; whole numbers are pixel centres."""
    return (x + 1) * UNIT - 0.5


def _span(x: np.ndarray) -> slice:
    pixels = image_to_pixels(x)
    return slice(max(0, int(np.floor(pixels.min())) - 1), min(SIZE, int(np.ceil(pixels.max())) + 2))


def _tall(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[:, None, None]
