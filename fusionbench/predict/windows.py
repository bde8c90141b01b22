"""Windows over a clip: which frames are judged together, and which of them show a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.data.sampling import segment_centres

OVERLAP = 4
"""a window begins every fourth part of its length, unless it is said otherwise"""


@dataclass(frozen=True)
class Window:
    """Frames of a clip that are judged as one."""

    first: int
    last: int
    """frames counted from 0, both of them in it"""
    rows: np.ndarray
    """the frames that are looked at, all of them with a face; empty where there are too few"""
    faces: int
    """frames with a face"""


def windows(
    real: np.ndarray, length: int | None, step: int | None = None, frames: int | None = None, least: int = 1
) -> list[Window]:
    """Cut a clip into windows of one length, the last one flush with its end.

    Args:
        real: ``(time,)`` bool, True where a frame shows a face.
        length: frames of a window; None, or no fewer than the clip has: one window, the whole clip.
        step: frames from one window's beginning to the next; None = a quarter of the length.
        frames: how many are looked at in each, as the run's protocol takes them of a clip; None = all.
        least: a window with fewer frames that show a face is not judged.
    """
    time = len(real)
    length = min(length or time, time)
    step = step or max(length // OVERLAP, 1)
    firsts = list(range(0, time - length + 1, step))
    if firsts[-1] + length < time:
        firsts.append(time - length)
    found = []
    for first in firsts:
        places = first + np.flatnonzero(real[first : first + length])
        faces = len(places)
        if frames is not None:
            places = places[segment_centres(faces, frames)]
        found.append(Window(first, first + length - 1, places if faces >= least else places[:0], faces))
    return found
