"""Brings the streams of a clip to the frames of one of them, by a named rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from fusionbench.contract.errors import UserError, nearest

Rule = Literal["mean", "nearest", "linear"]
RULES: Mapping[str, str] = {
    "mean": "the mean of the frames that overlap a frame of the clock, each counted once",
    "nearest": "the frame whose middle is nearest",
    "linear": "on a straight line between the middles of the frames",
}
_BLOCK = 1_000_000
"""pairs of frames that are looked at together"""


class Clock:
    """Takes one stream's frames as the clock of all.

    Where a stream has no intervals its frames are evenly spread over the clip, from its
    first to its last.

    Args:
        stream: the clock; None where streams of one clip are of one length.
        rule: a key of ``RULES``.
    """

    def __init__(self, stream: str | None, rule: Rule | None):
        if (stream is None) != (rule is None):
            given, other = (
                ("--clock", "--resample mean | nearest | linear")
                if stream
                else ("--resample", "--clock STREAM")
            )
            raise UserError(
                f"{given} goes with {other}: which stream's frames, and how the others get there."
            )
        self.stream, self.rule = stream, rule
        self._lengths: dict[str, set[int]] = {}

    def common(
        self, clip: str, streams: Mapping[str, np.ndarray], intervals: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The streams ``(time, dim)`` with one time; a frame that nothing overlaps is NaN under ``mean``.

        Args:
            clip: its id.
            streams: finite numbers.
            intervals: stream -> ``(time, 2)`` seconds, for those that have them.

        Raises:
            UserError: they differ in length, or in time, and no clock was named; or it is not there.
        """
        if self.stream is None or self.rule is None:
            _refuse_apart(clip, streams, intervals)
            return dict(streams)
        if self.stream not in streams:
            raise UserError(
                f"--clock {self.stream}: clip {clip!r} has no such stream."
                f"{nearest(self.stream, streams)} Streams: {', '.join(streams)}."
            )
        clock = streams[self.stream]
        found = {}
        for name, values in streams.items():
            if name == self.stream:
                found[name] = clock
                continue
            timed = name in intervals and self.stream in intervals
            of_clock = intervals[self.stream] if timed else _even(len(clock), len(values))
            own = intervals[name] if timed else _even(len(values), len(clock))
            found[name] = resampled(values, own, of_clock, self.rule)
            self._lengths.setdefault(name, set()).update((len(values), len(clock)))
        return found

    def told(self) -> list[str]:
        """What was done, in a sentence."""
        if self.rule is None or not self._lengths:
            return []
        return [f"clock: every stream has the frames of {self.stream!r}, by {self.rule}: {RULES[self.rule]}."]


def resampled(values: np.ndarray, own: np.ndarray, clock: np.ndarray, rule: str) -> np.ndarray:
    """A stream at other frames.

    Args:
        values: ``(time, dim)``.
        own: ``(time, 2)``, when its frames begin and end.
        clock: ``(frames, 2)``, when the wanted frames begin and end, in the same unit.
        rule: a key of ``RULES``.

    Returns:
        ``(frames, dim)``; float64 unless it is ``nearest``.
    """
    if rule == "mean":
        return _means(values, own, clock)
    order = np.argsort(own.mean(axis=1), kind="stable")
    middles, wanted = own.mean(axis=1)[order], clock.mean(axis=1)
    values = values[order]
    after = np.clip(np.searchsorted(middles, wanted), 1, max(len(middles) - 1, 1))
    if len(middles) == 1:
        return np.repeat(values, len(wanted), axis=0)
    before = after - 1
    width = middles[after] - middles[before]
    share = np.clip((wanted - middles[before]) / np.where(width > 0, width, 1), 0, 1)
    if rule == "nearest":
        return values[np.where(share > 0.5, after, before)]
    low, high = values[before].astype(np.float64), values[after].astype(np.float64)
    return low + share[:, None] * (high - low)


def _means(values: np.ndarray, own: np.ndarray, clock: np.ndarray) -> np.ndarray:
    exact = values.astype(np.float64)
    found = np.empty((len(clock), values.shape[1]))
    block = max(1, _BLOCK // len(own))
    for first in range(0, len(clock), block):
        begin, end = clock[first : first + block, 0, None], clock[first : first + block, 1, None]
        overlap = (own[None, :, 0] < end) & (own[None, :, 1] > begin)
        counts = overlap.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[first : first + block] = (overlap @ exact) / counts[:, None]
    return found


def _even(count: int, unit: int) -> np.ndarray:
    """``(count, 2)``: frames evenly spread over ``count * unit``, so that two streams share whole numbers."""
    begins = np.arange(count, dtype=np.float64) * unit
    return np.stack([begins, begins + unit], axis=1)


def _refuse_apart(clip: str, streams: Mapping[str, np.ndarray], intervals: Mapping[str, np.ndarray]) -> None:
    lengths = {name: len(values) for name, values in streams.items()}
    same = len(set(lengths.values())) == 1
    times = list(intervals.values())
    if same and all(np.allclose(times[0], other, rtol=0, atol=1e-5) for other in times[1:]):
        return
    differ = f"differ in length: {lengths}" if not same else "are of one length, at different times"
    rules = " | ".join(RULES)
    raise UserError(
        f"clip {clip!r}: its streams {differ}. Name one whose frames all shall have, and how the others get "
        f"there: --clock {' | '.join(lengths)} --resample {rules}."
    )
