"""Cuts an upright face of fixed size out of a frame: the similarity transform of five points."""

from __future__ import annotations

import math

import cv2
import numpy as np

TEMPLATE_SIDE = 112
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""where ArcFace (insightface, ``face_align.py``) puts eyes, nose tip and mouth corners at 112 x 112"""


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that takes one set of points nearest to another, in least squares.

    Umeyama 1991 (IEEE TPAMI 13, 376-380), equations 40 to 42, in the plane and without mirroring.

    Args:
        source: ``(points, 2)``, not all in one place.
        target: ``(points, 2)``.

    Returns:
        ``(2, 3)`` affine matrix.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    middle, aim = source.mean(axis=0), target.mean(axis=0)
    # A plane's similarity is a complex number: the one that fits best is the projection.
    a = (source - middle) @ [1, 1j]
    b = (target - aim) @ [1, 1j]
    turn = np.vdot(a, b) / np.vdot(a, a).real
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, aim - linear @ middle])


def placed(points: np.ndarray, size: int) -> np.ndarray:
    """The affine map that takes a frame's pixels to those of an aligned face.

    Args:
        points: ``(5, 2)`` eyes, nose tip, mouth corners, each pair from the viewer's left; or the eyes
            alone, ``(2, 2)``.
        size: side of the face in pixels.

    Returns:
        ``(2, 3)``
    """
    # Pixels are squares: the middle of the first one is half a pixel from the edge, at either size.
    template = (TEMPLATE[: len(points)] + 0.5) * (size / TEMPLATE_SIDE) - 0.5
    return similarity(points, template)


def cut(frame: np.ndarray, place: np.ndarray, size: int) -> np.ndarray:
    """Resample a frame; what lies outside of it is black.

    Args:
        frame: ``(height, width, 3)`` uint8.
        place: ``(2, 3)`` map from its pixels to the face's.
        size: side of the face.

    Returns:
        ``(size, size, 3)`` uint8.
    """
    shrink = math.floor(1 / float(np.hypot(*place[:, 0])) + 1e-6)
    if shrink > 1:  # else every other pixel of a large face would be passed over
        frame, place = _shrunk(frame, place, size, shrink)
    return cv2.warpAffine(frame, place, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _shrunk(frame: np.ndarray, place: np.ndarray, size: int, shrink: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of a frame that the face is cut from, at a whole fraction of its size, and the map from it."""
    corners = np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]], np.float64)
    inside = mapped(corners, cv2.invertAffineTransform(place))
    height, width = frame.shape[:2]
    left, top = np.clip(np.floor(inside.min(axis=0)).astype(int) - shrink, 0, [width - 1, height - 1])
    right, bottom = np.clip(
        np.ceil(inside.max(axis=0)).astype(int) + shrink + 1, [left + 1, top + 1], [width, height]
    )
    # Whole blocks of pixels, black beyond the frame: else blocks of uneven sizes draw patterns of their own.
    part = cv2.copyMakeBorder(
        frame[top:bottom, left:right],
        *(0, -(bottom - top) % shrink, 0, -(right - left) % shrink),
        cv2.BORDER_CONSTANT,
    )
    size_of_small = part.shape[1] // shrink, part.shape[0] // shrink
    small = cv2.resize(part, size_of_small, interpolation=cv2.INTER_AREA)
    offset = np.array([left, top]) + (shrink - 1) / 2  # the middle of its first pixel in the frame
    return small, np.column_stack([place[:, :2] * shrink, place[:, :2] @ offset + place[:, 2]])


def mapped(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Points ``(points, 2 or 3)`` through an affine map; depth is scaled as the plane is."""
    moved = points[:, :2] @ place[:, :2].T + place[:, 2]
    if points.shape[1] == 2:
        return moved
    return np.column_stack([moved, points[:, 2] * np.hypot(*place[:, 0])])


def relative(points: np.ndarray, size: int) -> np.ndarray:
    """Pixels of a face to [0, 1] of its sides; depth in the same unit. float32."""
    scaled = points / size
    scaled[:, :2] += 0.5 / size
    return scaled.astype(np.float32)
