"""One pass over the clips of a store: extremes of channels, padding at the ends, clips that look equal.

What is kept grows with the number of clips by a few bytes each, never with their frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fusionbench.data.splits import is_trained
from fusionbench.data.store import StoreIndex


class Measured(NamedTuple):
    """One stream of one clip, ``(time, dim)``, with the least and the largest value of each channel."""

    values: np.ndarray
    low: np.ndarray
    """``(dim,)``"""
    high: np.ndarray
    """``(dim,)``"""

    @classmethod
    def of(cls, values: np.ndarray) -> Measured:
        """Measure a stream."""
        return cls(values, values.min(axis=0), values.max(axis=0))


@dataclass
class Extremes:
    """The least and the largest value of each channel of a stream, over clips."""

    low: np.ndarray
    high: np.ndarray

    def widen(self, stream: Measured) -> None:
        """Take in one more clip."""
        np.minimum(self.low, stream.low, out=self.low)
        np.maximum(self.high, stream.high, out=self.high)


@dataclass
class Ends:
    """Frames at the beginnings and ends of clips that look like padding, and how many clips have such."""

    frames: int = 0
    clips: int = 0

    def add(self, frames: int) -> None:
        """Take in one more clip."""
        self.frames += frames
        self.clips += frames > 0


@dataclass
class Survey:
    """What a pass over the clips found."""

    clips: int = 0
    frames: int = 0
    longest: int = 0
    """frames of the longest clip"""
    all: dict[str, Extremes] = field(default_factory=dict)
    """stream -> extremes over every clip"""
    train: dict[str, Extremes] = field(default_factory=dict)
    """stream -> extremes over the clips that the dataset trains on"""
    zero: Ends = field(default_factory=Ends)
    """zero in every stream at once"""
    repeated: Ends = field(default_factory=Ends)
    """equal to the clip's first or last frame in every stream at once"""
    zero_alone: dict[str, Ends] = field(default_factory=dict)
    """stream -> zero in it, while another goes on"""
    silent: list[int] = field(default_factory=list)
    """places of clips that are zero throughout"""
    suspects: list[tuple[int, int]] = field(default_factory=list)
    """pairs of places whose clips look equal: the earlier one, the later one"""
    _seen: dict[int, int] = field(default_factory=dict)

    def add(self, streams: Mapping[str, Measured], train: bool) -> None:
        """Take in the next clip of the index."""
        time = len(next(iter(streams.values())).values)
        for name, stream in streams.items():
            for extremes in (self.all, self.train) if train else (self.all,):
                if name in extremes:
                    extremes[name].widen(stream)
                else:
                    extremes[name] = Extremes(stream.low.copy(), stream.high.copy())
        self._look_at_ends(streams, time)
        middle = time // 2
        parts = [p.tobytes() for s in streams.values() for p in (s.low, s.high, s.values[middle])]
        earlier = self._seen.setdefault(hash((time, *parts)), self.clips)
        if earlier != self.clips:
            self.suspects.append((earlier, self.clips))
        self.clips += 1
        self.frames += time
        self.longest = max(self.longest, time)

    def _look_at_ends(self, streams: Mapping[str, Measured], time: int) -> None:
        values = {name: stream.values for name, stream in streams.items()}
        if not any(_may_be_padded(stream) for stream in values.values()):
            return
        zero = {name: zero_ends(stream) for name, stream in values.items()}
        start, end = (min(ends[k] for ends in zero.values()) for k in (0, 1))
        if start == time:
            self.silent.append(self.clips)
            return
        self.zero.add(start + end)
        for name, ends in zero.items():
            alone = self.zero_alone.setdefault(name, Ends())
            alone.add((time if ends[0] == time else sum(ends)) - start - end)
        held = [min(_held(stream[::way]) for stream in values.values()) for way in (1, -1)]
        still = held[0] == time  # one frame throughout is no padding
        self.repeated.add(0 if still else (0 if start else held[0]) + (0 if end else held[1]))


def survey(index: StoreIndex, arrays: Mapping[str, np.ndarray]) -> Survey:
    """Survey the streams ``(rows, dim)`` of a store, clip by clip."""
    made = Survey()
    for clip, first, rows in zip(index.clips, index.first_row.tolist(), index.rows.tolist(), strict=True):
        streams = {
            name: Measured.of(np.asarray(array[first : first + rows])) for name, array in arrays.items()
        }
        made.add(streams, is_trained(clip.split))
    return made


def _may_be_padded(stream: np.ndarray) -> bool:
    """Told by a few numbers: this is asked of every clip."""
    first, last = stream[0, 0], stream[-1, 0]
    return bool(
        first == 0 or last == 0 or first == stream[1 % len(stream), 0] or last == stream[-2 % len(stream), 0]
    )


def zero_ends(stream: np.ndarray) -> tuple[int, int]:
    """How many frames of ``(time, dim)`` are zero at the start and at the end; all of them: both."""
    if stream[0, 0] != 0 and stream[-1, 0] != 0:
        return 0, 0
    real = stream.any(axis=1)
    if not real.any():
        return len(stream), len(stream)
    return int(real.argmax()), int(np.flip(real).argmax())


def _held(stream: np.ndarray) -> int:
    """How many frames right after the first one equal it; all of them: ``time``."""
    other = np.not_equal(stream, stream[0]).any(axis=1)
    return int(other.argmax()) - 1 if other.any() else len(stream)


def float32_steps(magnitudes: np.ndarray) -> np.ndarray:
    """How far apart float32 numbers of these magnitudes lie."""
    below = np.nextafter(magnitudes, np.float32(0))  # the largest one has no neighbour above
    return np.maximum(magnitudes - below, np.finfo(np.float32).smallest_subnormal)
