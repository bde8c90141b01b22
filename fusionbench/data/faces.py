"""Face images in and out of files, with no damaged picture taken for a whole one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from fusionbench.contract.errors import BadClip

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_JPEG, _PNG, _BMP = b"\xff\xd8\xff", b"\x89PNG", b"BM"
_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


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
        BadClip: there is no file, or one is missing, truncated or no image.
    """
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
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    encoded = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]), options)[1]
    path.write_bytes(encoded.tobytes())


def _read_image(path: Path) -> np.ndarray:
    """``(height, width, 3)`` uint8, RGB."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadClip(f"{path} cannot be read: {error.strerror}.") from error
    image = None
    if not _cut_short(data):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        what = "an empty file" if not data else f"truncated or no image ({len(data)} bytes)"
        raise BadClip(f"{path} is {what}. Copy it again, or leave the clip out.")
    return image[..., ::-1]


def _cut_short(data: bytes) -> bool:
    """Whether a file of a known kind lacks its end; OpenCV would fill the rest with grey and say nothing."""
    if data.startswith(_JPEG):
        # The end of a thumbnail in the header does not count: it comes before the picture's own data.
        return data.rfind(_END_OF_IMAGE) < data.rfind(_SCAN)
    if data.startswith(_PNG):
        return b"IEND" not in data[-64:]
    if data.startswith(_BMP):
        return len(data) < int.from_bytes(data[2:6], "little")
    return False
