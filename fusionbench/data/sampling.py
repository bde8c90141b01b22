"""Which frames of a clip are seen: pure functions from a length to frame numbers."""

from __future__ import annotations

import numpy as np


def segment_random(length: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """One random frame from each of ``frames`` equal segments (TSN's sparse sampling, for training).

    Clips shorter than ``frames`` give every frame once; the caller pads and masks.

    Returns:
        ``(min(length, frames),)`` rising frame numbers.
    """
    if length <= frames:
        return np.arange(length)
    edges = _edges(length, frames)
    return rng.integers(edges[:-1], edges[1:])


def segment_centres(length: int, frames: int) -> np.ndarray:
    """The centre of each of ``frames`` equal segments (for evaluation); shapes as ``segment_random``."""
    if length <= frames:
        return np.arange(length)
    edges = _edges(length, frames)
    return (edges[:-1] + edges[1:] - 1) // 2


def _edges(length: int, frames: int) -> np.ndarray:
    """``(frames + 1,)`` borders; segments differ by one frame at most and none is empty."""
    return np.arange(frames + 1) * length // frames
