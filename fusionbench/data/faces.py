"""Face images in and out of files, with no damaged picture taken for a whole one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fusionbench.contract.errors import BadClip
from fusionbench.contract.reading import read_regular, reading
from fusionbench.data.image_file import LARGEST_BYTES, decode

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def is_image(name: str) -> bool:
    """Whether a file name is that of a picture; hidden files (``._0001.jpg``) are none."""
    return name.lower().endswith(_SUFFIXES) and not name.startswith(".")


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts ``2.jpg`` before ``10.jpg``: digits count as numbers, the rest as lower case.

    Frame names differ in every copy of a dataset (``0000012.jpg``, ``I_1001.jpg``,
    ``3.jpg``); this order is right for all of them.
    """
    parts = re.split(r"(\d+)", name.lower())
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def read_images(paths: Iterable[Path]) -> np.ndarray:
    """Decode the frames of a clip.

    Args:
        paths: image files in temporal order; a picture of another size than the first
            is brought to the first one's.

    Returns:
        ``(time, 3, height, width)`` uint8, RGB.

    Raises:
        BadClip: there is no file, or one is missing, truncated, damaged, no image or far too large.
    """
    import cv2  # here, as below: most runs read what is decoded already, and it loads for long

    frames: list[np.ndarray] = []
    for path in paths:
        frame = _read_image(path)
        if frames and frame.shape != frames[0].shape:
            height, width = frames[0].shape[:2]
            frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        frames.append(frame)
    if not frames:
        raise BadClip("no frames to read. Give at least one image.")
    return np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2))


def resize_frames(frames: np.ndarray, size: int) -> np.ndarray:
    """Scale frames to a square.

    Args:
        frames: ``(time, 3, height, width)`` uint8.
        size: side in pixels.

    Returns:
        ``(time, 3, size, size)`` uint8; the very same array where nothing changes.
    """
    if frames.shape[2:] == (size, size):
        return frames
    import cv2

    shrinks = max(frames.shape[2:]) > size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = [cv2.resize(f.transpose(1, 2, 0), (size, size), interpolation=method) for f in frames]
    return np.ascontiguousarray(np.stack(scaled).transpose(0, 3, 1, 2))


def write_image(path: Path, image: np.ndarray, quality: int = 92) -> None:
    """Write one picture; the suffix chooses the format.

    Args:
        path: file to write; its folder exists.
        image: ``(height, width, 3)`` uint8, RGB.
        quality: of a JPEG, 1 to 100.
    """
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    encoded = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]), options)[1]
    path.write_bytes(encoded.tobytes())


def _read_image(path: Path) -> np.ndarray:
    """``(height, width, 3)`` uint8, RGB."""
    with reading("", path, "Copy it again, or leave the clip out.", BadClip):
        return decode(read_regular(path, LARGEST_BYTES))
