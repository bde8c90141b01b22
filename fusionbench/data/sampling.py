"""Which frames of clips are seen: pure functions from a length, or a batch of them, to frame numbers."""

from __future__ import annotations

import numpy as np


def segment_random(length: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """One random frame from each of ``frames`` equal segments (TSN's sparse sampling, for training).

    Clips shorter than ``frames`` give every frame once; the caller pads and masks.

    Returns:
        ``(min(length, frames),)`` rising frame numbers.
    """
    return np.arange(length) if length <= frames else _random(_edges(length, frames), rng)


def segment_centres(length: int, frames: int) -> np.ndarray:
    """The centre of each of ``frames`` equal segments (for evaluation); shapes as ``segment_random``."""
    return np.arange(length) if length <= frames else _centres(_edges(length, frames))


def padded_frames(
    lengths: np.ndarray, frames: int | None, time: int, rng: np.random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """The frames of a batch: of each clip what ``segment_random`` gives, draw for draw, then padding.

    Args:
        lengths: ``(clips,)`` frames that each clip has.
        frames: segments; None = whole sequences.
        time: frames that each clip is padded to.
        rng: None = ``segment_centres``.

    Returns:
        ``(clips, time)`` frame numbers, 0 in the padding; ``(clips, time)`` bool, True = real frame.
    """
    places = np.arange(time)
    real = places < lengths[:, None]
    numbers = np.where(real, places, 0)
    if frames is not None and (cut := lengths > frames).any():
        edges = _edges(lengths[cut], frames)
        numbers[cut] = _centres(edges) if rng is None else _random(edges, rng)
    return numbers, real


def _random(edges: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(edges[..., :-1], edges[..., 1:])


def _centres(edges: np.ndarray) -> np.ndarray:
    return (edges[..., :-1] + edges[..., 1:] - 1) // 2


def _edges(length: int | np.ndarray, frames: int) -> np.ndarray:
    """``(..., frames + 1)`` borders; segments differ by one frame at most and none is empty."""
    return np.multiply.outer(length, np.arange(frames + 1)) // frames
