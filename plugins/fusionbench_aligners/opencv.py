"""The aligner ``opencv``: the cascades inside OpenCV's wheel find a face and its eyes; no landmarks.

Viola and Jones 2001. It needs nothing that is not installed, and is steady on upright faces only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import Field

import fusionbench as fb

FACE, EYE = "haarcascade_frontalface_alt2.xml", "haarcascade_eye.xml"
FIVE = np.array([[0.303, 0.405], [0.697, 0.405], [0.5, 0.6], [0.32, 0.78], [0.68, 0.78]])
"""eyes, nose tip and mouth corners in a box of the face cascade, where the eyes are not found: medians
over a clip whose points the aligner ``mesh`` found, made the same left and right"""
SMALLEST = 0.12
"""side of the smallest face, as a share of the frame's shorter side"""
EYES_AT = 80
"""pixels that a face is scaled to before its eyes are looked for"""
AROUND = 0.2
"""how far beyond the last box the next one is looked for, in sides of the box"""


class Cascades(fb.Aligner):
    """OpenCV's face and eye cascades; no landmarks."""

    name = "opencv"

    class Config(fb.Config):
        width: int = Field(200, ge=64, description="pixels that the longer side of a frame is searched at")
        look: int = Field(
            25, ge=1, description="frames after which the whole frame is searched, while one is followed"
        )

    config: Config

    @classmethod
    def missing(cls, config: Any) -> str | None:
        if all(_cascade_file(name) for name in (FACE, EYE)):
            return None
        return f"OpenCV {cv2.__version__} has no cascades: pip install 'opencv-python-headless<5'"

    @classmethod
    def versions(cls, config: Any) -> Mapping[str, str]:
        return {"opencv": cv2.__version__, "cascades": f"{FACE}, {EYE}"}

    def sightings(self, footage: fb.Footage) -> Iterator[fb.Sighting]:
        finder = _Finder(self.config.width)
        before: fb.Face | None = None
        since = lost = 0
        for frame in footage.frames:
            grey, scale = finder.grey(frame)
            boxes: list[np.ndarray] = []
            seen = 1
            since += 1
            if self.choice == "track" and before is not None and since < self.config.look:
                boxes = finder.near(grey, before, scale)
            if not boxes:
                since = 0
                boxes = finder.everywhere(grey)
                seen = len(boxes)
            faces = [fb.Face(_edges(box / scale), np.zeros((5, 2))) for box in boxes]
            face = fb.chosen_face(faces, self.choice, frame.shape, before, lost)
            if face is None:
                lost += 1
                reason = "a face, but not the one that is followed" if faces else "no face found"
                yield fb.Sighting(faces=seen, reason=reason)
                continue
            before, lost = fb.Face(face.box, finder.points(frame, face)), 0
            yield fb.Sighting(before, faces=seen)


class _Finder:
    """Both cascades, and the smaller grey picture that they look at."""

    def __init__(self, width: int):
        self._width = width
        self._faces, self._eyes = (cv2.CascadeClassifier(_cascade_file(name) or "") for name in (FACE, EYE))

    def grey(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        """The picture, and its pixels a pixel of the frame."""
        scale = min(1.0, self._width / max(frame.shape[:2]))
        size = (max(round(frame.shape[1] * scale), 1), max(round(frame.shape[0] * scale), 1))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
        return cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)), scale

    def everywhere(self, grey: np.ndarray) -> list[np.ndarray]:
        """Boxes ``(4,)`` left, top, width, height of all faces, the surest not first."""
        least = max(20, round(SMALLEST * min(grey.shape)))
        found = self._faces.detectMultiScale(grey, 1.15, 3, minSize=(least, least))
        return [np.asarray(box, np.float64) for box in found]

    def near(self, grey: np.ndarray, face: fb.Face, scale: float) -> list[np.ndarray]:
        """Boxes about as large as the face before, near its place."""
        left, top, right, bottom = (np.array(face.box) * scale).tolist()
        room = AROUND * (right - left)
        x0, y0 = max(int(left - room), 0), max(int(top - room), 0)
        part = grey[y0 : int(bottom + room) + 1, x0 : int(right + room) + 1]
        side = right - left
        low, high = max(20, round(side * 0.85)), max(21, round(side * 1.18))
        if min(part.shape, default=0) < low:
            return []
        found = self._faces.detectMultiScale(part, 1.1, 3, minSize=(low, low), maxSize=(high, high))
        return [np.add(box, [x0, y0, 0, 0], dtype=np.float64) for box in found]

    def points(self, frame: np.ndarray, face: fb.Face) -> np.ndarray:
        """``(5, 2)`` or, where both eyes are found, the eyes alone ``(2, 2)``, in the frame's pixels."""
        left, top, right, bottom = face.box
        side = right - left
        x0, y0 = max(int(left), 0), max(int(top + 0.18 * side), 0)
        upper = frame[y0 : int(top + 0.58 * side) + 1, x0 : int(right) + 1]
        eyes = self._pair(upper, side)
        if eyes is not None:
            return np.add(eyes, [x0, y0])
        return np.array([left, top]) + FIVE * [side, bottom - top]

    def _pair(self, upper: np.ndarray, side: float) -> np.ndarray | None:
        """Middles of two eyes that lie as eyes do, from the viewer's left; or None."""
        if min(upper.shape[:2], default=0) < 12:
            return None
        shrink = min(1.0, EYES_AT / side)
        size = (round(upper.shape[1] * shrink), round(upper.shape[0] * shrink))
        grey = cv2.cvtColor(cv2.resize(upper, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        low, high = round(0.16 * side * shrink), round(0.36 * side * shrink)
        found = self._eyes.detectMultiScale(
            cv2.equalizeHist(grey), 1.15, 2, minSize=(low, low), maxSize=(high, high)
        )
        middles = np.array([[x + w / 2, y + h / 2] for x, y, w, h in found]) / shrink
        best, score = None, 0.25
        for i, a in enumerate(middles):
            for b in middles[i + 1 :]:
                one, other = (a, b) if a[0] < b[0] else (b, a)
                x, y = (other - one) / side
                off = abs(x - 0.38) + abs(y)
                if off < score:
                    best, score = np.stack([one, other]), off
        return best


def _edges(box: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, width, height to left, top, right, bottom."""
    left, top, width, height = box.tolist()
    return left, top, left + width, top + height


def _cascade_file(name: str) -> str | None:
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    path = Path(folder, name) if folder else None
    return str(path) if path and path.is_file() and hasattr(cv2, "CascadeClassifier") else None


@fb.hookimpl
def aligners() -> list[type[fb.Aligner]]:
    return [Cascades]
