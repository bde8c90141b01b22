"""CREMA-D: 7,442 spoken clips of 91 actors, six expressions, under an open licence (ODbL).

A clip's name says all there is to know of it: ``<actor>_<sentence>_<EMO>_<level>``. Faces come from
folders of that name, or from OpenFace's output; the videos are never decoded::

    VideoFlash/1001_DFA_ANG_XX.flv               optional; names clips that have no faces yet
    Faces/1001_DFA_ANG_XX/0001.jpg               aligned by any tool, wherever below the root
    processed/1001_DFA_ANG_XX_aligned/frame_det_00_000001.bmp    by OpenFace: FeatureExtraction -simalign
    processed/1001_DFA_ANG_XX.csv                says in which frames it found a face

Frames in which OpenFace found no face are left out; without its csv, those that are black.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

import fusionbench as fb

from .openface_output import found_faces, write_faces

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
_NAME = re.compile(r"\d{4}_[A-Z]{3}_(?P<emotion>[A-Z]{3})_[A-Z]{1,2}")
_VIDEOS = (".flv", ".mp4", ".avi")
_ALIGNED = "_aligned"
DEEPEST = 5
"""levels below the root that are looked through"""


class CremaD(fb.Dataset):
    """Crowd-sourced Emotional Multimodal Actors Dataset, labelled by what the actor was asked to show.

    No folds were published with it: five parts of actors are made, the same for every run.
    """

    name = "crema_d"
    classes = tuple(EMOTIONS.values())
    takes_prepared = True

    class Config(fb.MadeFolds, fb.NamedClasses):
        """Options."""

        folds: int | str | None = Field(
            None,
            description="a number = so many parts of actors; loso = one actor is left out at a time; "
            "null = five parts",
        )

    def scan(self) -> fb.Inventory:
        with fb.reading("CREMA-D in", self.root, "Make its folders readable, or copy it again."):
            return self._scan()

    def _scan(self) -> fb.Inventory:
        marker = fb.read_marker(self.root)
        takes = _takes(self.root)
        if not takes:
            raise fb.UserError(
                f"CREMA-D not found: {self.root} holds neither videos nor folders of faces named like "
                "1001_DFA_ANG_XX. It is free to download: "
                "https://github.com/CheyneyComputerScience/CREMA-D (git lfs). "
                "To try the command on generated data add --stand-in."
            )
        clips, problems = [], []
        counted: Counter[str] = Counter()
        for name in sorted(takes):
            try:
                files = self._frames(takes[name], counted)
            except fb.BadClip as error:
                problems.append(fb.Problem(name, str(error)))
                continue
            actor, _, emotion, _ = name.split("_")
            clips.append(fb.Clip(name, EMOTIONS[emotion], "", actor, files))
        if not clips:
            raise fb.UserError(
                f"CREMA-D: {self.root} holds {len(takes)} videos but no faces. Cut them out first, one "
                "folder a video, with a tool that aligns faces, such as OpenFace: FeatureExtraction -f VIDEO "
                "-out_dir processed -simalign."
            )
        published = marker.published if marker else PUBLISHED
        return fb.Inventory(tuple(clips), tuple(problems), published, _told(counted))

    def _frames(self, take: _Take, counted: Counter[str]) -> tuple[str, ...]:
        """Files of a clip's frames relative to the root; what is left out is ``counted``.

        Raises:
            BadClip: it has none.
        """
        if not take.faces:
            raise fb.BadClip("there is no folder of its faces")
        folder = take.faces[0]
        place = folder.relative_to(self.root).as_posix()
        if len(take.faces) > 1:
            other = take.faces[1].relative_to(self.root).as_posix()
            raise fb.BadClip(f"faces lie in {place} and in {other}. Keep one of them")
        if folder.name.endswith(_ALIGNED):
            names = found_faces(folder, take.tables, counted)
        else:
            names = sorted((f.name for f in folder.iterdir() if fb.is_image(f.name)), key=fb.natural_key)
        if not names:
            raise fb.BadClip(f"{place} holds no image")
        return tuple(f"{place}/{name}" for name in names)

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        paths = [self.root / name for name in clip.files]
        frames = fb.read_images(paths)
        if paths[0].parent.name.endswith(_ALIGNED):  # where a csv is missing, only black tells a failure
            frames = frames[frames.any(axis=(1, 2, 3))]
            if not len(frames):
                raise fb.BadClip(f"{paths[0].parent}: all frames are black: OpenFace found no face.")
        return fb.ClipFrames(frames)

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        """Parts of actors: five of them, or as many as there are actors, unless another number was asked for.

        Raises:
            fb.UserError: there are fewer actors than folds that were asked for.
        """
        folds = self.config.folds
        if folds is None:
            folds = min(5, len(fb.subjects_of(clips)))
        return fb.make_folds(clips, folds, seed=self.protocol.seed, repeat=self.config.repeat)

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(cls.classes, {"": (40, 1)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[fb.StandInClip]) -> None:
        """Lay clips out as OpenFace leaves them, by its newer and its older editions in turns."""
        codes = {label: code for code, label in EMOTIONS.items()}
        for clip in clips:
            person, repetition = int(clip.subject), int(clip.id.rpartition("-")[2])
            level = ("XX", "LO", "MD", "HI")[repetition % 4]
            name = f"{1001 + person}_IEO_{codes[clip.label]}_{level}"
            for folder in (root / "VideoFlash", root / "processed"):
                folder.mkdir(parents=True, exist_ok=True)
            (root / "VideoFlash" / f"{name}.flv").touch()
            write_faces(root / "processed", name, clip.frames, older=person % 2 == 1)


@dataclass
class _Take:
    """What lies on disk of one clip."""

    faces: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)


def _takes(root: Path) -> dict[str, _Take]:
    """Clip's name -> what there is of it, some levels deep; folders of faces are not looked into."""
    takes: dict[str, _Take] = {}
    for place, folders, files in os.walk(root):
        inner = sorted(folders)
        deep = len(Path(place).relative_to(root).parts) >= DEEPEST
        folders[:] = [] if deep else [name for name in inner if not _is_clip(name.removesuffix(_ALIGNED))]
        for name in inner:
            if _is_clip(name.removesuffix(_ALIGNED)):
                takes.setdefault(name.removesuffix(_ALIGNED), _Take()).faces.append(Path(place, name))
        for file in sorted(files):
            name, ending = os.path.splitext(file)
            if ending.lower() in (*_VIDEOS, ".csv") and _is_clip(name):
                take = takes.setdefault(name, _Take())
                take.tables += [Path(place, file)] if ending.lower() == ".csv" else []
    return takes


def _is_clip(name: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and found["emotion"] in EMOTIONS


def _told(counted: Counter[str]) -> tuple[fb.Problem, ...]:
    """What OpenFace did not give of the frames."""
    said = {
        "failed": f"it found no face in {counted['failed']:,} of {counted['frames']:,} frames; left out",
        "unlisted": f"{counted['unlisted']:,} frames are in no line of its csv; left out",
        "without": f"{counted['without']:,} clips have none of its csv; their black frames are left out",
    }
    return tuple(fb.Problem("OpenFace", text) for what, text in said.items() if counted[what])


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [CremaD]
