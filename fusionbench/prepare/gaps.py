"""Frames without a face: where they are, and what stands in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import numpy as np

from fusionbench.data.array_file import let_go
from fusionbench.data.prepared_store import FILLED, FOUND, GAP, LANDMARKS, MESH, REST, STATE, TIME

Policy = Literal["mask", "nearest", "drop-clip"]
SIDE_BY_SIDE = 39
"""points whose median is taken together; of 36000 frames they are 17 MB"""
POLICIES: tuple[Policy, ...] = ("mask", "nearest", "drop-clip")


class Gaps:
    """Collects frames without a face as stretches of one reason."""

    def __init__(self) -> None:
        self.stretches: list[list[int | str]] = []
        """``[first frame, last frame, reason]``, frames counted from 0"""

    def add(self, frame: int, reason: str) -> None:
        """A frame without a face, after those before it."""
        last = self.stretches[-1] if self.stretches else None
        if last and last[1] == frame - 1 and last[2] == reason:
            last[1] = frame
        else:
            self.stretches.append([frame, frame, reason])


def sources(state: np.ndarray) -> np.ndarray:
    """For every frame the nearest one with a face, the earlier one of two.

    Args:
        state: ``(time,)``, at least one ``FOUND``.

    Returns:
        ``(time,)`` indices; a frame with a face is its own.
    """
    places = np.flatnonzero(state == FOUND)
    frames = np.arange(len(state))
    after = np.searchsorted(places, frames)
    later = places[np.minimum(after, len(places) - 1)]
    earlier = places[np.maximum(after - 1, 0)]
    nearer_later = np.abs(later - frames) < np.abs(frames - earlier)
    return np.where(state == FOUND, frames, np.where(nearer_later, later, earlier))


def filled(state: np.ndarray) -> np.ndarray:
    """The states after every gap is filled."""
    return np.where(state == GAP, FILLED, state).astype(np.uint8)


def rest_of(mesh: np.ndarray) -> np.ndarray:
    """The median of a clip's mesh, a few points at a time: a long video's would not fit into memory.

    Args:
        mesh: ``(time, points, 3)``, NaN where there is no face; a face in one frame at least.

    Returns:
        ``(points, 3)`` float32.
    """
    found = np.isfinite(mesh[:, 0, 0])
    parts = [
        np.median(mesh[:, at : at + SIDE_BY_SIDE][found], axis=0)
        for at in range(0, mesh.shape[1], SIDE_BY_SIDE)
    ]
    return np.concatenate(parts).astype(np.float32)


class Treated:
    """A clip's rows as they are stored once its gaps are treated.

    Args:
        arrays: name -> ``(time, ...)`` as the aligner left them, black where there is no face.
        policy: what is done about gaps.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], policy: Policy):
        self._arrays = arrays
        state = np.asarray(arrays[STATE])
        self._from = sources(state) if policy == "nearest" else np.arange(len(state))
        self._state = filled(state) if policy == "nearest" else state
        self._rest = rest_of(arrays[MESH]) if MESH in arrays else None

    def __len__(self) -> int:
        return len(self._state)

    def rows(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        """Every array at the frames ``(count,)``; the moment of a frame is its own, whatever stands there."""
        own = {STATE: self._state, TIME: self._arrays[TIME]}
        rest = {} if self._rest is None else {REST: np.repeat(self._rest[None], len(frames), axis=0)}
        return {
            **{
                name: own[name][frames] if name in own else array[self._from[frames]]
                for name, array in self._arrays.items()
            },
            **rest,
        }

    def blocks(self, most: int) -> Iterator[dict[str, np.ndarray]]:
        """All rows in order, so many at a time; no more of a mapped array stays in memory."""
        for first in range(0, len(self), most):
            yield self.rows(np.arange(first, min(first + most, len(self))))
            for array in self._arrays.values():
                let_go(array)

    def marked(self) -> np.ndarray:
        """Frames that have landmarks."""
        return np.flatnonzero(np.isfinite(self._arrays[LANDMARKS][:, 0, 0])[self._from])


def described(stretches: Iterable[Iterable[int | str]], most: int = 3) -> str:
    """Stretches in words: ``frames 398 to 402 (no face found)``."""
    words = []
    listed = [tuple(stretch) for stretch in stretches]
    for first, last, reason in listed[:most]:
        words.append(f"{f'frame {first}' if first == last else f'frames {first} to {last}'} ({reason})")
    if len(listed) > most:
        words.append(f"and {len(listed) - most} more stretches")
    return ", ".join(words)
