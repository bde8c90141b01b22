"""AFEW: clips of films, seven expressions, as EmotiW gave it out and as people keep it on disk.

A face folder carries no class: the label is the class folder that holds the video
of the same number, so both trees are read::

    Train_AFEW/                           also train_afew, Train, train; the same for Val
      Angry/000633000.avi                 one folder a class; the videos are never decoded
      AlignedFaces_LBPTOP_Points/         often doubled by unzipping; ..._Val in the other split
        Faces/000633000/0000001.jpg       aligned faces; frame names differ, natural order
        Points/000633000/0000001.pts      68 landmarks, optional

``--set dataset.list=FILE`` takes labels from a published list instead of class folders.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import Field

import fusionbench as fb

from .afew_lists import DISAGREEMENTS, Lists
from .afew_points import POINTS, landmarks

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
SPLIT_FOLDERS = {"train": ("train_afew", "train"), "report": ("val_afew", "val")}
"""split -> names of its folder, in lower case; the official validation set is what is reported on"""
PUBLISHED = {  # albanie/mcnDatasets, afew3.0/README.md: 773 and 383 clips
    "train": dict(zip(CLASSES, (133, 74, 81, 150, 144, 117, 74), strict=True)),
    "report": dict(zip(CLASSES, (64, 40, 46, 63, 63, 61, 46), strict=True)),
}
DEEPEST = 4
"""levels below a split's folder where faces and classes are looked for"""


class AFEW(fb.Dataset):
    """Acted Facial Expressions in the Wild: 773 clips to train on, 383 to report on.

    Clip ids hold the split, because train and val number some segments alike.
    Who plays is not given out, so ``subject`` is unknown but for a stand-in.
    """

    name = "afew"
    classes = CLASSES
    takes_prepared = True

    class Config(fb.NamedClasses):
        """Options."""

        list: str | tuple[str, ...] | None = Field(
            None,
            description="published list of a split's clips in place of its class folders, or [TRAIN, VAL]",
        )

    def scan(self) -> fb.Inventory:
        with fb.reading("AFEW in", self.root, "Make its folders readable, or copy it again."):
            return self._scan()

    def _scan(self) -> fb.Inventory:
        folders = {split: _split_folder(self.root, names) for split, names in SPLIT_FOLDERS.items()}
        train, report = folders["train"], folders["report"]
        if train is None:
            raise fb.UserError(
                f"AFEW not found: {self.root} holds neither Train_AFEW/ nor Train/. AFEW is given out under "
                "an agreement (https://cs.anu.edu.au/few/AFEW.html). "
                "To try the command on generated data add --stand-in."
            )
        if report is None:
            raise fb.UserError(
                f"AFEW is not whole: {self.root} holds {train.name}/ but neither Val_AFEW/ nor Val/. "
                "The validation set is what is reported on; put it beside the training set."
            )
        marker = fb.read_marker(self.root)
        lists = self._lists()
        splits = [
            _Split(self.root, split, folder, marker is not None, lists.labels.get(split))
            for split, folder in (("train", train), ("report", report))
        ]
        clips = tuple(clip for split in splits for clip in split.clips)
        _refuse_empty_class(clips, train)
        published = marker.published if marker else _flat(PUBLISHED)
        problems = [*lists.problems, *(p for split in splits for p in split.problems)]
        notes = tuple(note for split in splits for note in split.notes)
        return fb.Inventory(clips, tuple(problems), published, notes)

    def _lists(self) -> Lists:
        asked = self.config.list or ()
        names = asked.split(",") if isinstance(asked, str) else asked
        paths = [Path(name.strip()).expanduser() for name in names]
        return Lists([path if path.exists() else self.root / path for path in paths], CLASSES)

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        paths = [self.root / name for name in clip.files]
        frames = fb.read_images(paths)
        return fb.ClipFrames(frames, landmarks(paths, frames.shape[3], frames.shape[2]))

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(cls.classes, {"train": (72, 1), "report": (28, 1)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[fb.StandInClip]) -> None:
        """Lay clips out as above. A number is three digits each of person, class and repetition."""
        for clip in clips:
            top, ending = ("Train_AFEW", "") if clip.split == "train" else ("Val_AFEW", "_Val")
            repetition = int(clip.id.rpartition("-")[2])
            number = f"{int(clip.subject):03d}{cls.classes.index(clip.label):03d}{repetition:03d}"
            aligned = root / top / f"AlignedFaces_LBPTOP_Points{ending}"
            faces, points = aligned / "Faces" / number, aligned / "Points" / number
            for folder in (root / top / clip.label, faces, points):
                folder.mkdir(parents=True, exist_ok=True)
            (root / top / clip.label / f"{number}.avi").touch()
            for t, (frame, marks) in enumerate(zip(clip.frames, clip.landmarks, strict=True), start=1):
                fb.write_image(faces / f"{t:07d}.jpg", frame)
                lines = "\n".join(f"{x:.2f} {y:.2f}" for x, y in marks)
                text = f"version: 1\nn_points: {POINTS}\n{{\n{lines}\n}}\n"
                (points / f"{t:07d}.pts").write_text(text, encoding="ascii")


class _Split:
    """One split on disk: ``clips`` that have a label and faces, and ``problems`` for all that has not.

    With a list, its labels count; what it leaves out or says otherwise is in ``notes``.
    """

    def __init__(
        self, root: Path, name: str, folder: Path, generated: bool, listed: Mapping[str, str] | None
    ):
        self.clips: list[fb.Clip] = []
        self.problems: list[fb.Problem] = []
        self.notes: list[fb.Problem] = []
        self._root, self._name, self._generated = root, name, generated
        class_folders, face_folders = _find(folder)
        self._refuse_half(folder, bool(class_folders) or listed is not None, bool(face_folders))
        faces = {entry.name: Path(entry.path) for place in face_folders for entry in _folders(place)}
        if listed is None:
            self._sort(self._labels(folder, class_folders), faces)
            return
        in_folder = {number: label for label, place in class_folders for number in _videos(place)}
        self._note(listed, in_folder, faces)
        self._sort(
            {number: {label} for number, label in listed.items()},
            {number: folder for number, folder in faces.items() if number in listed},
        )

    def _refuse_half(self, folder: Path, has_classes: bool, has_faces: bool) -> None:
        if not has_faces:
            raise fb.UserError(
                f"AFEW: {folder} holds no Faces/ folder. Unzip AlignedFaces_LBPTOP_Points*.zip there; "
                "the videos alone are not aligned."
            )
        if not has_classes:
            raise fb.UserError(
                f"AFEW: {folder} holds no class folder ({', '.join(CLASSES)}). Labels come from the class "
                "folder that holds a clip's video; put them beside the aligned faces, or name a published "
                "list: --set dataset.list=FILE."
            )

    def _labels(self, folder: Path, class_folders: list[tuple[str, Path]]) -> dict[str, set[str]]:
        """Clip number -> labels of the class folders that hold its video."""
        labels: dict[str, set[str]] = {}
        held = Counter({label: 0 for label in CLASSES})
        for label, place in class_folders:
            for number in _videos(place):
                labels.setdefault(number, set()).add(label)
                held[label] += 1
        for label in CLASSES:
            where = f"{self._name}/{label}"
            if label not in {found for found, _ in class_folders}:
                self.problems.append(fb.Problem(where, f"{folder.name} has no class folder {label}"))
            elif not held[label]:
                self.problems.append(fb.Problem(where, f"class folder {label} holds no video (.avi)"))
        return labels

    def _note(
        self, listed: Mapping[str, str], in_folder: Mapping[str, str], faces: Mapping[str, Path]
    ) -> None:
        """Where the list and the class folders differ, and where public lists do."""
        for number in sorted({*listed, *in_folder, *faces}, key=fb.natural_key):
            clip, folder = f"{self._name}/{number}", in_folder.get(number)
            said = []
            if number not in listed:
                said.append(f"left out: not in the list{f', but in class folder {folder}' if folder else ''}")
            elif folder and folder != listed[number]:
                said.append(f"{listed[number]} by the list, which counts; in class folder {folder}")
            if clip in DISAGREEMENTS:
                said.append(f"public lists disagree: {DISAGREEMENTS[clip]}")
            if said:
                self.notes.append(fb.Problem(clip, "; ".join(said)))

    def _sort(self, labels: dict[str, set[str]], faces: dict[str, Path]) -> None:
        for number in sorted(labels.keys() | faces.keys(), key=fb.natural_key):
            found = sorted(labels.get(number, ()))
            frames = _frames(faces[number]) if number in faces else []
            reason = None
            if not found:
                reason = f"no label: no class folder holds {number}.avi"
            elif len(found) > 1:
                reason = f"{number}.avi is in several class folders: {', '.join(found)}"
            elif number not in faces:
                reason = f"labelled {found[0]}, but there is no folder Faces/{number}"
            elif not frames:
                reason = f"labelled {found[0]}, but its folder Faces/{number} holds no image"
            if reason:
                self.problems.append(fb.Problem(f"{self._name}/{number}", reason))
                continue
            folder = faces[number].relative_to(self._root).as_posix()
            files = tuple(f"{folder}/{frame}" for frame in frames)
            subject = number[:3] if self._generated else None
            self.clips.append(fb.Clip(f"{self._name}/{number}", found[0], self._name, subject, files))


def _split_folder(root: Path, names: tuple[str, ...]) -> Path | None:
    """The split's folder in ``root`` or one level below (a doubled folder); the first name wins."""
    tops = _folders(root)
    for level in (tops, [inner for top in tops for inner in _folders(Path(top.path))]):
        found = {entry.name.lower(): Path(entry.path) for entry in level}
        for name in names:
            if name in found:
                return found[name]
    return None


def _find(folder: Path) -> tuple[list[tuple[str, Path]], list[Path]]:
    """Class folders with their labels, and folders called Faces, however deep unzipping put them."""
    label_of = {label.lower(): label for label in CLASSES}
    classes: list[tuple[str, Path]] = []
    faces: list[Path] = []
    level = [folder]
    for _ in range(DEEPEST):
        deeper: list[Path] = []
        for entry in [entry for place in level for entry in _folders(place)]:
            name = entry.name.lower()
            if name in label_of:
                classes.append((label_of[name], Path(entry.path)))
            elif name == "faces":
                faces.append(Path(entry.path))
            elif name not in ("lbptop", "points"):
                deeper.append(Path(entry.path))
        level = deeper
    return classes, faces


def _folders(place: Path) -> list[os.DirEntry[str]]:
    if not place.is_dir():
        return []
    with os.scandir(place) as entries:
        return sorted((entry for entry in entries if entry.is_dir()), key=lambda entry: entry.name)


def _videos(place: Path) -> Iterator[str]:
    """Numbers of the videos in a class folder and in folders inside it."""
    for _, _, files in os.walk(place):
        for file in files:
            number, dot, ending = file.rpartition(".")
            if dot and ending.lower() == "avi" and not number.startswith("."):
                yield number


def _frames(place: Path) -> list[str]:
    """Names of the images in a face folder, in temporal order; told by their names alone."""
    with os.scandir(place) as entries:
        names = [entry.name for entry in entries]
    return sorted((name for name in names if fb.is_image(name)), key=fb.natural_key)


def _refuse_empty_class(clips: tuple[fb.Clip, ...], train: Path) -> None:
    """A class without any training clip can be neither learnt nor judged."""
    held = {clip.label for clip in clips if clip.split == "train"}
    empty = [label for label in CLASSES if label not in held]
    if empty:
        raise fb.UserError(
            f"AFEW: no clip to train on for {', '.join(empty)}: {train} has no video with aligned faces for "
            f"it. Found: {len([c for c in clips if c.split == 'train'])} training clips of "
            f"{', '.join(sorted(held)) or 'no class'}. Copy the missing class folders."
        )


def _flat(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    return {f"{split}/{label}": n for split, labels in counts.items() for label, n in labels.items()}


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [AFEW]
