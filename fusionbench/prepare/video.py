"""A video's frames one by one, with every fault of the file told and none passed over."""

from __future__ import annotations

import contextlib
import math
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fusionbench.contract.errors import BadClip
from fusionbench.contract.reading import open_regular, reading

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("mp4", "m4v", "mov", "avi", "mkv", "webm", "flv", "mpg", "mpeg", "mpe"),
        *("wmv", "3gp", "ts", "mts", "m2ts", "ogv", "vob", "asf"),
    )
)
SHORTFALL = 0.02
"""share of its length that a video may announce and not have: many containers announce an estimate"""
_FEW = 2
"""as many missing frames are none: encoders trim their first and last ones"""
_COUNTED = re.compile(rb"RIFF....AVI ", re.DOTALL)
"""files that begin so announce how many frames they hold; others may multiply their length by a rate, of
which nothing follows where it varies"""
LARGEST_PIXELS = 64_000_000
"""of a frame; more than any camera's"""
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD")
"""files that would have the decoder open other files"""
_ADVICE = "Copy it again, mend it, or leave it out."
_SAID = re.compile(rb"(?:\[\w[^\]]* @ 0x[0-9a-f]+\]|\[ ?(?:WARN|ERROR|INFO):)[^\n]*\n?")
"""lines of ffmpeg and OpenCV, which they write to the process's stderr themselves"""
_FATAL = re.compile(
    rb"partial file|error while decoding|Invalid NAL|corrupt|truncat|Invalid data|missing picture"
    rb"|concealing|moov atom not found|overread|damaged|decode_slice_header error|ac-tex"
    rb"|ended prematurely|Error at MB|error splitting|illegal dc|chain broken|Error submitting",
    re.IGNORECASE,
)


@dataclass
class Progress:
    """What is known of a video while it is read."""

    announced: int = 0
    """frames that the container announces, 0 where it does not"""
    seconds: float = 0.0
    """of the frame read last"""


def is_video(name: str) -> bool:
    """Whether a file name is that of a video; hidden files are none."""
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def video_frames(path: Path, seen: Progress | None = None) -> Iterator[np.ndarray]:
    """Decode a video; one frame is in memory at a time. Rotation flags are followed.

    Args:
        path: the file.
        seen: kept up to date while frames are taken.

    Yields:
        ``(height, width, 3)`` uint8, RGB, as many as the video has, whatever their rate.

    Raises:
        BadClip: it is absent, empty, no video, damaged, or ends before its end.
    """
    seen = seen if seen is not None else Progress()
    with reading("", path, _ADVICE, BadClip):
        counted = _COUNTED.match(_beginning(path)) is not None
    with _heard() as said:
        # As bytes: OpenCV crashes at a text that is no UTF-8, and takes what looks like an address for one.
        name = os.fsencode(os.path.abspath(path))
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)  # type: ignore[call-overload]
        try:
            if not capture.isOpened():
                raise _bad(path, "no video that can be decoded", said)
            _refuse_large(path, capture)
            announced = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            seen.announced = int(announced) if math.isfinite(announced) and 0 < announced < 1e9 else 0
            rate = capture.get(cv2.CAP_PROP_FPS)
            step = 1 / rate if math.isfinite(rate) and rate > 0 else 0.0
            count = 0
            while True:
                there, frame = capture.read()
                if not there:
                    break
                moment = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                # Some containers give their last frames no moment of their own; time goes on nevertheless.
                seen.seconds = moment if not count or moment > seen.seconds else seen.seconds + step
                count += 1
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        except cv2.error as error:
            raise _bad(path, f"decoding stopped: {error.err or error}", said) from error
        finally:
            capture.release()
        if not count:
            raise _bad(path, "no frame of it can be decoded", said)
        fault = said.fault()
        if fault:
            raise BadClip(f"{path}: damaged: {fault} ({count} frames could be read). {_ADVICE}")
        if _short(seen.announced, count) and (counted or _short(seen.announced, seen.seconds * rate + 1)):
            raise BadClip(
                f"{path}: it holds {count} of the {seen.announced} frames that it announces. {_ADVICE}"
            )


def _short(announced: float, found: float) -> bool:
    return announced - found > max(_FEW, SHORTFALL * announced)


def _beginning(path: Path) -> bytes:
    """The first bytes of a file that may be a video."""
    with open_regular(path) as file:
        start = file.read(64)
    if not start:
        raise BadClip(f"{path}: an empty file (0 bytes). {_ADVICE}")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
        raise BadClip(f"{path}: a list of other files, not a video. Name the videos themselves.")
    return start


def _refuse_large(path: Path, capture: cv2.VideoCapture) -> None:
    width, height = (capture.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if not 0 < width * height <= LARGEST_PIXELS:
        most = f"{LARGEST_PIXELS / 1e6:g} million"
        raise BadClip(f"{path}: frames of {width:.0f} x {height:.0f} pixels; 1 to {most} are read.")


def _bad(path: Path, what: str, said: _Said) -> BadClip:
    fault = said.fault()
    return BadClip(f"{path}: {what}{f' ({fault})' if fault else ''}. {_ADVICE}")


class _Said:
    """What ffmpeg wrote since it was asked."""

    def __init__(self, descriptor: int | None):
        self._descriptor = descriptor

    def lines(self) -> bytes:
        """Everything."""
        if self._descriptor is None:
            return b""
        size = os.fstat(self._descriptor).st_size
        return os.pread(self._descriptor, min(size, 1 << 20), 0)

    def fault(self) -> str:
        """The first line that tells of damage, without the address in it; empty where none does."""
        for line in self.lines().splitlines():
            if _SAID.match(line) and _FATAL.search(line):
                text = line.partition(b"] ")[2].decode(errors="backslashreplace")
                return " ".join(text.split())[:120]
        return ""


@contextlib.contextmanager
def _heard() -> Iterator[_Said]:
    """Collects what is written to the process's stderr past Python; what is not ffmpeg's is handed on.

    It is the only place where ffmpeg tells that it filled a hole. For a process of its own: what
    others write meanwhile comes late.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield _Said(None)
        return
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        said = _Said(log.fileno())
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.write(kept, _SAID.sub(b"", said.lines()))
            os.close(kept)
