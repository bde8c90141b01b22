"""CREMA-D: 7,442 spoken clips of 91 actors, six expressions, under an open licence (ODbL).

A clip's name says all there is to know of it: ``<actor>_<sentence>_<EMO>_<level>``. Faces come from
folders of that name, or from OpenFace's output; the videos are never decoded::

    VideoFlash/1001_DFA_ANG_XX.flv               optional; names clips that have no faces yet
    Faces/1001_DFA_ANG_XX/0001.jpg               aligned by any tool, wherever below the root
    processed/1001_DFA_ANG_XX_aligned/frame_det_00_000001.bmp    by OpenFace: FeatureExtraction -simalign

Where OpenFace found no face its image is black; such frames are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

import fusionbench as fb

from .face_folders import DEEPEST, face_folders, face_images, read_faces

EMOTIONS = {
    "ANG": "Anger",
    "DIS": "Disgust",
    "FEA": "Fear",
    "HAP": "Happy",
    "NEU": "Neutral",
    "SAD": "Sad",
}
PUBLISHED = {f"/{label}": 1087 if label == "Neutral" else 1271 for label in EMOTIONS.values()}
"""7,442 clips (README of CheyneyComputerScience/CREMA-D), counted by the names in its VideoFlash"""
_NAME = re.compile(r"(?P<actor>\d{4})_[A-Z]{3}_(?P<emotion>[A-Z]{3})_[A-Z]{1,2}")
_VIDEOS = (".flv", ".mp4", ".avi")


class CremaD(fb.Dataset):
    """Crowd-sourced Emotional Multimodal Actors Dataset, labelled by what the actor was asked to show.

    No folds were published with it: five parts of actors are made, the same for every run.
    """

    name = "crema_d"
    classes = tuple(EMOTIONS.values())

    class Config(fb.MadeFolds, fb.NamedClasses):
        """Options."""

        folds: int | str | None = Field(
            5, description="a number = so many parts of actors; loso = one actor is left out at a time"
        )

    def scan(self) -> fb.Inventory:
        with fb.reading("CREMA-D in", self.root, "Make its folders readable, or copy it again."):
            return self._scan()

    def _scan(self) -> fb.Inventory:
        marker = fb.read_marker(self.root)
        folders = face_folders(self.root, _is_clip) if self.root.is_dir() else {}
        names = sorted({*folders, *_videos(self.root)})
        if not names:
            raise fb.UserError(
                f"CREMA-D not found: {self.root} holds neither videos nor folders of faces named like "
                "1001_DFA_ANG_XX. It is free to download: "
                "https://github.com/CheyneyComputerScience/CREMA-D (git lfs). "
                "To try the command on generated data add --stand-in."
            )
        clips, problems = [], []
        for name in names:
            images = face_images(folders[name]) if name in folders else []
            if not images:
                lacks = (
                    "its folder of faces holds no image" if name in folders else "it has no folder of faces"
                )
                problems.append(fb.Problem(name, lacks))
                continue
            found = _NAME.fullmatch(name)
            assert found is not None
            folder = folders[name].relative_to(self.root).as_posix()
            files = tuple(f"{folder}/{image}" for image in images)
            clips.append(fb.Clip(name, EMOTIONS[found["emotion"]], "", found["actor"], files))
        if not clips:
            raise fb.UserError(
                f"CREMA-D: {self.root} holds {len(names)} videos but no faces. Cut them out first, one "
                "folder a video, with a tool that aligns faces, such as OpenFace: FeatureExtraction -f VIDEO "
                "-out_dir processed -simalign."
            )
        return fb.Inventory(
            tuple(clips), tuple(problems), published=marker.published if marker else PUBLISHED
        )

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        return fb.ClipFrames(read_faces([self.root / name for name in clip.files]))

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        """Parts of actors: five of them, or as many as there are actors, unless another number was asked for.

        Raises:
            fb.UserError: there are fewer actors than folds that were asked for.
        """
        folds = self.config.folds
        if folds is None or "folds" not in self.config.model_fields_set:
            folds = min(5, len(fb.subjects_of(clips)))
        return fb.make_folds(clips, folds, seed=self.protocol.seed, repeat=self.config.repeat)

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(cls.classes, {"": (40, 1)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[fb.StandInClip]) -> None:
        """Lay clips out as OpenFace leaves them: every twelfth frame, but never the first, is black."""
        codes = {label: code for code, label in EMOTIONS.items()}
        for clip in clips:
            repetition = int(clip.id.rpartition("-")[2])
            level = ("XX", "LO", "MD", "HI")[repetition % 4]
            name = f"{1001 + int(clip.subject)}_IEO_{codes[clip.label]}_{level}"
            video = root / "VideoFlash" / f"{name}.flv"
            faces = root / "processed" / f"{name}_aligned"
            for folder in (video.parent, faces):
                folder.mkdir(parents=True, exist_ok=True)
            video.touch()
            for t, frame in enumerate(clip.frames, start=1):
                shown = np.zeros_like(frame) if t % 12 == 0 else frame
                fb.write_image(faces / f"frame_det_00_{t:06d}.jpg", shown)


def _is_clip(name: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and found["emotion"] in EMOTIONS


def _videos(root: Path) -> set[str]:
    """Names of the videos, without their endings."""
    found = set()
    for place, folders, files in os.walk(root):
        if len(Path(place).relative_to(root).parts) >= DEEPEST:
            folders.clear()
        folders[:] = [name for name in folders if not _is_clip(name.removesuffix("_aligned"))]
        for file in files:
            name, ending = os.path.splitext(file)
            if ending.lower() in _VIDEOS and _is_clip(name):
                found.add(name)
    return found


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [CremaD]
