"""The 68 facial points that were given out with AFEW's faces, where they can be made sense of.

How the distributed Points look inside is documented nowhere; read are 68 lines of
two numbers, bare or in a ``.pts`` file's braces, in pixels of the face image.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import fusionbench as fb

POINTS = 68
LARGEST = 1_000_000
"""bytes of a file of points"""


def landmarks(paths: list[Path], width: int, height: int) -> np.ndarray | None:
    """``(time, 68, 2)`` in [0, 1] of the image, or None unless every frame has its 68 points.

    Points that lie far outside the image belong to another one, such as the unaligned video.
    """
    folder = paths[0].parents[2] / "Points" / paths[0].parent.name
    if not folder.is_dir():
        return None
    frames = [_points(folder, path.stem) for path in paths]
    if any(points is None for points in frames):
        return None
    scaled = (np.stack([p for p in frames if p is not None]) + 0.5) / (width, height)
    if scaled.min() < -0.5 or scaled.max() > 1.5:
        return None
    return scaled.astype(np.float32)


def _points(folder: Path, stem: str) -> np.ndarray | None:
    """``(68, 2)`` x and y in pixels from ``<stem>.pts`` or ``<stem>.txt``; None where they are others."""
    for path in (folder / f"{stem}.pts", folder / f"{stem}.txt"):
        if not os.path.lexists(path):
            continue
        with fb.reading("", path, "Copy it again, or remove the folder Points.", fb.BadClip):
            text = fb.read_regular(path, LARGEST).decode("utf-8", errors="replace")
        inside = text.partition("{")[2].partition("}")[0] if "{" in text else text
        try:
            values = [float(value) for value in inside.replace(",", " ").split()]
        except ValueError:
            return None
        usable = len(values) == 2 * POINTS and np.isfinite(values).all()
        return np.array(values).reshape(POINTS, 2) if usable else None
    return None
