"""Cuts the zeros that padded arrays end in, and counts them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fusionbench.data.survey import zero_ends


class Padding:
    """Cuts frames of zeros off the ends of clips.

    Arrays of one length share one time axis: a frame is cut where all of them are zero.
    An array of a length of its own is cut by itself. One that is zero throughout keeps a
    frame where others go on.
    """

    def __init__(self) -> None:
        self._frames: dict[str, int] = {}
        self._clips = 0
        self._silent: dict[str, int] = {}

    def cut(self, streams: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The streams ``(time, dim)`` without padding; empty where all are zero throughout."""
        axes: dict[int, list[str]] = {}
        for name, values in streams.items():
            axes.setdefault(len(values), []).append(name)
        spans = {time: _span([streams[name] for name in names]) for time, names in axes.items()}
        if all(start == end for start, end in spans.values()):
            return {}
        found = {}
        for name, values in streams.items():
            start, end = spans[len(values)]
            if start == end:
                self._silent[name] = self._silent.get(name, 0) + 1
            found[name] = values[start : max(end, start + 1)]
            self._frames[name] = self._frames.get(name, 0) + len(values) - len(found[name])
        self._clips += any(len(found[name]) < len(streams[name]) for name in streams)
        return found

    def plain(self) -> dict[str, int]:
        """Stream -> frames that were cut."""
        return dict(self._frames)

    def told(self) -> list[str]:
        """What was done, in sentences."""
        frames = {name: count for name, count in self._frames.items() if count}
        said = []
        if frames:
            counts = ", ".join(f"{name} {count:,}" for name, count in frames.items())
            said.append(f"padding: frames of zeros cut off the ends of {self._clips:,} clip(s): {counts}.")
        for name, count in self._silent.items():
            said.append(f"stream {name!r} is zero throughout in {count:,} clip(s); it stays so there.")
        return said


def _span(arrays: list[np.ndarray]) -> tuple[int, int]:
    """From where to where any of the arrays ``(time, dim)`` is not zero; nowhere: ``(0, 0)``."""
    time = len(arrays[0])
    ends = [zero_ends(values) for values in arrays]
    start, after = min(e[0] for e in ends), min(e[1] for e in ends)
    return (0, 0) if start == time else (start, time - after)
