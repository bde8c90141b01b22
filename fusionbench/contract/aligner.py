"""The role that stands before all runs: an aligner finds the face in each frame of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from fusionbench.contract.options import Config as OptionsConfig

Choice = Literal["largest", "central", "track"]
"""which of several faces: the largest of a frame, the one nearest to its middle, the one followed so far"""
WANDERS = 25
"""frames in which a face out of sight may have moved by its own side; one farther away is somebody else's"""


@dataclass(frozen=True)
class Face:
    """A face in a frame, all places in the frame's pixels (the first pixel's middle is at 0)."""

    box: tuple[float, float, float, float]
    """left, top, right, bottom"""
    points: np.ndarray
    """``(5, 2)``: the eyes as the viewer sees them from left to right, nose tip, mouth corners likewise"""
    landmarks: np.ndarray | None = None
    """``(68, 2)``, numbered as iBUG does"""
    mesh: np.ndarray | None = None
    """``(468, 3)``: x, y, and depth in the same unit"""

    @property
    def side(self) -> float:
        """The longer side of its box."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of its box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Sighting:
    """What an aligner says of one frame."""

    face: Face | None = None
    """the face that was chosen, to be aligned by its points"""
    chip: np.ndarray | None = None
    """``(height, width, 3)`` uint8, RGB: a face that is aligned already, in place of ``face``"""
    faces: int = 0
    """how many were seen, where the aligner looked for all of them"""
    reason: str = ""
    """why there is none"""
    time: float | None = None
    """seconds from the beginning, where the aligner knows better than the recording"""


@dataclass(frozen=True)
class Footage:
    """One recording as an aligner gets it."""

    path: Path
    """the video; the first of several images; or the description that OpenFace wrote"""
    frames: Iterable[np.ndarray]
    """``(height, width, 3)`` uint8, RGB, in order; decoded while it is iterated over, once"""


class Aligner:
    """Finds a face in every frame of a recording.

    Args:
        config: this class's ``Config``.
        choice: which of several faces.
        size: side of the aligned face in pixels, for an aligner that cuts it out itself.
    """

    name: ClassVar[str]
    """what ``--aligner`` calls it"""
    gives: ClassVar[frozenset[str]] = frozenset()
    """which of ``landmarks`` and ``mesh`` its faces have; they are stored with the frames"""

    class Config(OptionsConfig):
        """No options."""

    def __init__(self, config: Any, choice: Choice, size: int):
        self.config = config
        self.choice = choice
        self.size = size

    @classmethod
    def missing(cls, config: Any) -> str | None:
        """What is missing for it to work here and how to get it, or None."""
        return None

    @classmethod
    def versions(cls, config: Any) -> Mapping[str, str]:
        """Everything that its outputs come from: name -> version or hash. Kept with what is prepared."""
        return {}

    def sightings(self, footage: Footage) -> Iterator[Sighting]:
        """One sighting a frame, in order, before the next frame is taken; frames are never skipped.

        A new recording begins with each call: nothing is remembered of the one before.

        Raises:
            BadClip: the recording cannot be read.
        """
        raise NotImplementedError


def chosen_face(
    faces: Sequence[Face],
    choice: Choice,
    shape: Sequence[int],
    before: Face | None = None,
    lost: int = 0,
) -> Face | None:
    """The face to go on with.

    Args:
        faces: all that were found in a frame.
        choice: how to choose.
        shape: of the frame, ``(height, width, ...)``.
        before: the face last followed, for ``track``; without one the largest begins.
        lost: frames since then in which it was not seen.

    Returns:
        one of ``faces``, or None where there is none, or for ``track`` none that may be the one before.
    """
    if not faces:
        return None
    if choice == "largest" or (choice == "track" and before is None):
        return max(faces, key=lambda face: face.side)
    height, width = shape[:2]
    x, y = before.centre if choice == "track" and before else ((width - 1) / 2, (height - 1) / 2)
    nearest = min(faces, key=lambda face: _apart(face, x, y))
    if choice == "track" and before and _apart(nearest, x, y) > before.side * (1 + lost / WANDERS):
        return None
    return nearest


def _apart(face: Face, x: float, y: float) -> float:
    return float(np.hypot(face.centre[0] - x, face.centre[1] - y))
