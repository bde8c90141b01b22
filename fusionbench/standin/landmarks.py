"""The 68 landmarks of a drawn face, in the order of iBUG-68."""

from __future__ import annotations

import numpy as np

from fusionbench.standin.geometry import BROW_END, LEFT, RIGHT, SIGN, Geometry


def landmarks(face: Geometry) -> np.ndarray:
    """``(frames, 68, 2)`` u and v of jaw, brows, nose, eyes and lips."""
    parts = [_jaw(face), _brow(face, LEFT), _brow(face, RIGHT), _bridge(face), _nostrils(face)]
    parts += [_eye(face, LEFT), _eye(face, RIGHT), _lips(face)]
    frames = len(face.blink)
    return np.concatenate([np.broadcast_to(part, (frames, *part.shape[1:])) for part in parts], axis=1)


def _jaw(face: Geometry) -> np.ndarray:
    """17 points from temple to temple, by way of the chin."""
    angle = _spread(-np.pi / 2, np.pi / 2, 17)
    brow_line = face.identity.eye_height
    v = brow_line + np.cos(angle) * (face.chin - brow_line)
    return _points(np.sign(angle) * face.half_width(v), v)


def _brow(face: Geometry, side: int) -> np.ndarray:
    """5 points, image left to right: the left brow from its outer end, the right from its inner."""
    t = _spread(0, 1, 5)[:: int(SIGN[side])]
    inner = face.brow(side)[0]
    return _points(SIGN[side] * (inner + (BROW_END - inner) * t), face.brow_v(side, t))


def _bridge(face: Geometry) -> np.ndarray:
    """4 points down the nose, between the eyes to the tip."""
    who = face.identity
    return _points(np.zeros(4, np.float32), _spread(who.eye_height, who.nose_length - 0.04, 4))


def _nostrils(face: Geometry) -> np.ndarray:
    """5 points along the nose's base."""
    across = _spread(-1, 1, 5)
    return _points(across * face.identity.nose_width * 0.8, face.nose_wings + 0.05 - 0.02 * np.abs(across))


def _eye(face: Geometry, side: int) -> np.ndarray:
    """6 points, clockwise in the image from its left corner: 4 along the upper lid, 2 along the lower."""
    upper = _spread(-1, 1, 4) * SIGN[side]
    t = np.concatenate([upper, upper[2:0:-1]]).astype(np.float32)
    above, below = face.lids(side, t)
    v = np.concatenate([above[..., :4], below[..., 4:]], axis=-1)
    return _points(SIGN[side] * (face.identity.eye_spacing + face.identity.eye_width * t), v)


def _lips(face: Geometry) -> np.ndarray:
    """12 points around the outer edge and 8 around the inner, each clockwise from the left corner."""
    outer, inner = _spread(-1, 1, 7), _spread(-0.9, 0.9, 5)
    edges = ((outer, 0), (outer[-2:0:-1], 3), (inner, 1), (inner[-2:0:-1], 2))
    return np.concatenate([_points(face.mouth_u(t), face.lips(t)[edge]) for t, edge in edges], axis=1)


def _spread(first: float, last: float, count: int) -> np.ndarray:
    return np.linspace(first, last, count, dtype=np.float32)


def _points(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """``(1 or frames, points, 2)`` from coordinates that broadcast to ``(frames, 1, points)``."""
    shape = np.broadcast_shapes(u.shape, v.shape, (1, 1, 1))
    u, v = np.broadcast_to(u, shape), np.broadcast_to(v, shape)
    return np.stack([u[:, 0], v[:, 0]], axis=-1)
