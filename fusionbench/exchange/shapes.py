"""What streams look like as they come: arrays ``(time, dim)`` of numbers, their widths and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.importer import SourceClip


def as_streams(clip: SourceClip) -> dict[str, np.ndarray]:
    """The streams of a clip, ``(time, dim)``.

    Raises:
        UserError: there is none, or one is not of that form.
    """
    if not clip.streams:
        raise UserError(f"clip {clip.id!r} has no stream.")
    for name, values in clip.streams.items():
        if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiub":
            came = (
                f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            )
            raise UserError(f"clip {clip.id!r}, stream {name!r} is {came}; expected numbers (time, dim).")
    return dict(clip.streams)


@dataclass
class _Shape:
    width: int
    shortest: int
    longest: int
    clips: int = 0


class Shapes:
    """The widths and lengths that were seen."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Shape] = {}

    def add(self, streams: Mapping[str, np.ndarray]) -> None:
        """Take in one clip."""
        for name, values in streams.items():
            time, width = values.shape
            shape = self._shapes.setdefault(name, _Shape(width, time, time))
            shape.shortest, shape.longest = min(shape.shortest, time), max(shape.longest, time)
            shape.clips += 1

    def told(self) -> list[str]:
        """Each stream in a sentence."""
        return [
            f"stream {name!r}: {_lengths(s)} of {s.width} numbers in {s.clips:,} clip(s)."
            for name, s in self._shapes.items()
        ]


def _lengths(shape: _Shape) -> str:
    if shape.longest == 1:
        return "1 frame"
    if shape.shortest == shape.longest:
        return f"{shape.longest:,} frames"
    return f"{shape.shortest:,} to {shape.longest:,} frames"
