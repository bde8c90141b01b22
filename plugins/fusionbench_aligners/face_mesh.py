"""FaceMesh's numbers: the crop it wants, its 468 points in the frame, and which of them are what.

Kartynnik et al. 2019 (arXiv 1907.06724). Arrays only, no network.
"""

from __future__ import annotations

import numpy as np

SIDE = 192
"""pixels of the square that the network sees"""
POINTS = 468
MARGIN = 1.5
"""side of the crop, in longer sides of the face's box"""
PRESENT = 0.5
"""presence, after the sigmoid, from which on there is a face"""

RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
"""corners of the person's eyes; the right one is on the viewer's left"""
NOSE_TIP, MOUTH = 1, (61, 291)

IBUG = (
    *(127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107),  # the person's right brow
    *(336, 296, 334, 293, 300),  # left brow
    *(168, 197, 5, 4),  # bridge of the nose
    *(98, 97, 2, 326, 327),  # below the nose
    *(33, 160, 158, 133, 153, 144),  # right eye
    *(362, 385, 387, 263, 373, 380),  # left eye
    *(61, 40, 37, 0, 267, 270, 291, 321, 405, 17, 181, 91),  # lips, outside
    *(78, 81, 13, 311, 308, 402, 14, 178),  # lips, inside
)
"""the 68 points of iBUG's numbering, as indices of the mesh: ours, chosen on the mesh's own
topology and looked at on a face; in the jaw's outline they are where the mesh ends, not the hair"""


def crop_place(centre: np.ndarray, side: float, right_eye: np.ndarray, left_eye: np.ndarray) -> np.ndarray:
    """The map from a frame's pixels to the crop's: a square about ``centre``, the eyes level.

    Args:
        centre: ``(2,)`` middle of the face.
        side: longer side of its box.
        right_eye: ``(2,)`` the person's.
        left_eye: ``(2,)``

    Returns:
        ``(2, 3)`` affine matrix.
    """
    x, y = left_eye - right_eye
    length = float(np.hypot(x, y)) or 1.0
    scale = SIDE / (MARGIN * max(side, 1.0))
    turn = scale / length * np.array([[x, y], [-y, x]]) if (x or y) else scale * np.eye(2)
    middle = (SIDE - 1) / 2
    return np.column_stack([turn, middle - turn @ centre])


def place_from_mesh(mesh: np.ndarray) -> np.ndarray:
    """The crop of the next frame, from this one's points.

    Args:
        mesh: ``(468, 2 or 3)`` in pixels.
    """
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    right, left = mesh[list(RIGHT_EYE), :2].mean(axis=0), mesh[list(LEFT_EYE), :2].mean(axis=0)
    return crop_place((low + high) / 2, float((high - low).max()), right, left)


def in_frame(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The network's points in the frame.

    Args:
        points: ``(1404,)`` x, y and depth, in pixels of the crop.
        place: ``(2, 3)`` map from the frame to the crop.

    Returns:
        ``(468, 3)`` in the frame's pixels, float32.
    """
    found = points.reshape(POINTS, 3).astype(np.float64)
    linear = np.linalg.inv(place[:, :2])
    flat = (found[:, :2] - 0.5 - place[:, 2]) @ linear.T
    depth = found[:, 2] / np.hypot(*place[:, 0])
    return np.column_stack([flat, depth]).astype(np.float32)


def five_points(mesh: np.ndarray) -> np.ndarray:
    """``(5, 2)``: middles of the eyes, nose tip, mouth corners, each pair from the viewer's left."""
    flat = mesh[:, :2]
    eyes = [flat[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.stack([*eyes, flat[NOSE_TIP], flat[MOUTH[0]], flat[MOUTH[1]]])
