"""One picture from its bytes: measured before it is decoded, and whole or refused."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import tempfile
import threading
from collections.abc import Iterator

import numpy as np

from fusionbench.contract.reading import Unreadable

LARGEST_PIXELS = 64_000_000
LARGEST_BYTES = 256_000_000

_JPEG, _PNG, _BMP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"
_SCAN, _END_OF_IMAGE = 0xDA, b"\xff\xd9"
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""markers of a JPEG that hold its size"""
_PADDING = 64
"""bytes that a camera may leave before a JPEG's end; more are the rest of a scan that lost its place"""

_DECODING = threading.Lock()
_SAID = re.compile(
    rb"(?:libpng (?:error|warning)|Corrupt JPEG data|Premature end of JPEG|Invalid SOS|Invalid component"
    rb"|Inconsistent progression|Unknown Adobe|Warning: unknown JFIF|\[ ?(?:WARN|ERROR|INFO):)[^\n]*\n"
    rb"(?:>[^\n]*\n)*\n*"
)
"""lines of libpng, libjpeg and OpenCV, which they write to the process's stderr themselves"""
_DAMAGED = re.compile(rb"libpng error|Corrupt JPEG data|Premature end of JPEG")
_EXTRA = re.compile(rb"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")


def decode(data: bytes) -> np.ndarray:
    """A picture of any depth, grey, coloured, CMYK or with transparency as plain RGB.

    Args:
        data: content of a JPEG, PNG or BMP file.

    Returns:
        ``(height, width, 3)`` uint8.

    Raises:
        Unreadable: it is something else, truncated, damaged, animated, or too large.
    """
    import cv2

    if not data:
        raise Unreadable("an empty file")
    width, height = _size(data)
    if width < 1 or height < 1 or width * height > LARGEST_PIXELS:
        raise Unreadable(
            f"{width} x {height} pixels; 1 to {LARGEST_PIXELS / 1e6:g} million are read, which is "
            "more than any face needs"
        )
    if _cut_short(data):
        raise Unreadable(f"truncated ({len(data)} bytes)")
    with _heard() as said:
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise Unreadable("damaged: OpenCV cannot decode it") from error
    if image is None or _tells_damage(b"".join(said)):
        raise Unreadable(f"damaged ({len(data)} bytes)")
    return image[..., ::-1]


def _size(data: bytes) -> tuple[int, int]:
    """Width and height as the header has them."""
    if data.startswith(_PNG):
        if b"acTL" in data[:4096].partition(b"IDAT")[0]:
            raise Unreadable("animated; one picture a file is read")
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(_BMP):
        if int.from_bytes(data[14:18], "little") == 12:  # the oldest header, of OS/2
            return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        height = int.from_bytes(data[22:26], "little", signed=True)  # negative: rows from the top
        return int.from_bytes(data[18:22], "little", signed=True), abs(height)
    if data.startswith(_JPEG):
        for marker, place in _jpeg_segments(data):
            if marker in _FRAME_HEADERS:
                return (
                    int.from_bytes(data[place + 5 : place + 7], "big"),
                    int.from_bytes(data[place + 3 : place + 5], "big"),
                )
        raise Unreadable("truncated: a JPEG without a picture")
    raise Unreadable(f"truncated or no image ({len(data)} bytes); JPEG, PNG and BMP are read")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and place of each segment's length, up to and with the first scan."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        yield marker, place + 2
        if marker == _SCAN:
            return
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def _cut_short(data: bytes) -> bool:
    """Whether a file lacks its end; OpenCV would fill the rest with grey and say nothing."""
    if data.startswith(_JPEG):
        # The end of a thumbnail in the header does not count: it comes before the picture's own data.
        scan = next((place for marker, place in _jpeg_segments(data) if marker == _SCAN), None)
        return scan is None or data.rfind(_END_OF_IMAGE) < scan
    if data.startswith(_PNG):
        return b"IEND" not in data[-64:]
    return len(data) < int.from_bytes(data[2:6], "little")


def _tells_damage(said: bytes) -> bool:
    extra = _EXTRA.search(said)
    if extra:
        return int(extra[1]) > _PADDING
    return bool(_DAMAGED.search(said))


@functools.cache
def _log() -> int:
    """Descriptor of a file without a name, made once a process: one a picture would take longer than it."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@contextlib.contextmanager
def _heard() -> Iterator[list[bytes]]:
    """Collects what the image libraries write to stderr past Python, for one picture at a time.

    It would go over a progress bar, and it is the only place where libjpeg tells
    that it filled a hole. What others write meanwhile is handed on, but for what falls
    into the middle of such a line.
    """
    said: list[bytes] = []
    with _DECODING:
        try:
            kept = os.dup(2)
        except OSError:  # there is no stderr to keep clean
            yield said
            return
        log = _log()
        os.dup2(log, 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            written = os.lseek(log, 0, os.SEEK_CUR)
            if written:
                text = os.pread(log, written, 0)
                os.ftruncate(log, 0)
                os.lseek(log, 0, os.SEEK_SET)
                said += _SAID.findall(text)
                os.write(kept, _SAID.sub(b"", text))
            os.close(kept)
