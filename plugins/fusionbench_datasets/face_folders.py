"""Folders of face images that are named after videos, as aligners and OpenFace 2 leave them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fusionbench as fb

DEEPEST = 5
"""levels below the data root where folders of faces are looked for"""
_ALIGNED = "_aligned"
_OTHER_FACE = re.compile(r"frame_det_(?!00_)\d\d_\d+\.\w+", re.IGNORECASE)
"""OpenFace's image of a second face: ``frame_det_<face>_<frame>``"""


def face_folders(root: Path, named: Callable[[str], bool]) -> dict[str, Path]:
    """Video's name -> its folder of images.

    A folder is called as its video, or by OpenFace ``<video>_aligned``; of several for one video
    the one nearest to the root is taken, then the first by name.

    Args:
        root: where to look, some levels deep.
        named: whether a name is that of a video.
    """
    found: dict[str, Path] = {}
    level = [root]
    for _ in range(DEEPEST):
        deeper: list[Path] = []
        for place in level:
            with os.scandir(place) as entries:
                inner = sorted(entry.name for entry in entries if entry.is_dir())
            for name in inner:
                video = name.removesuffix(_ALIGNED)
                if named(video):
                    found.setdefault(video, place / name)
                else:
                    deeper.append(place / name)
        level = deeper
    return found


def face_images(folder: Path) -> list[str]:
    """Names of the images in temporal order; of OpenFace's those of the first face alone."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    images = (name for name in names if fb.is_image(name) and not _OTHER_FACE.fullmatch(name))
    return sorted(images, key=fb.natural_key)


def read_faces(paths: list[Path]) -> np.ndarray:
    """The frames of a clip ``(time, 3, height, width)`` less those that are black throughout.

    OpenFace writes a black image where it found no face (TadasBaltrusaitis/OpenFace#441).

    Raises:
        BadClip: a file cannot be decoded, or every frame is black.
    """
    frames = fb.read_images(paths)
    seen = frames.any(axis=(1, 2, 3))
    if not seen.any():
        raise fb.BadClip(f"{paths[0].parent}: all {len(frames)} frames are black: no face was found in any.")
    return frames if seen.all() else np.ascontiguousarray(frames[seen])
