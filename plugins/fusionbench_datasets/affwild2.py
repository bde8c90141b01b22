"""Aff-Wild2 EXPR: a label for every frame of a video, in the editions of 2020/21 and since 2022.

Both come as one text file a person and one image a frame, matched by number::

    annotations/EXPR_Set/Training_Set/<video>[_left|_right].txt     2020/21: seven classes
    6th_ABAW_Annotations/EXPR_Classification_Challenge/Train_Set/   since 2022: eight, with Other
    cropped_aligned/cropped_aligned/<video>[_left|_right]/00001.jpg
    cropped_aligned/cropped_aligned_new_50_vids/<video>/00001.jpg   a second folder, since 2023

A file's first line names the classes and so says what the numbers mean; the next are one number a
frame, -1 where nobody could tell. Line i belongs to image i, from 1 (wtomin, kuhnkeF, av-savchenko:
all public readers agree). Images are missing where no face was found, and a video may have a line
more or less than images. What is there is counted and told, never assumed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from pydantic import Field

import fusionbench as fb

from .affwild2_labels import CLASSES, Counts, Table, edition, read_tables, write_table

SPLIT_FOLDERS = {"train": ("training_set", "train_set"), "report": ("validation_set", "val_set")}
"""split -> names of its folder of annotations, in lower case; validation is what is reported on"""
CROPS = "cropped_aligned"
"""how the folders that hold a folder of images a video begin, in lower case"""
DEEPEST = 5
"""levels below the root that are looked through"""
CHUNK = 1024
"""images decoded at once"""
_PERSON = re.compile(r"(.+)_(left|right|main)")
_NUMBER = re.compile(r"(\d+)\.\w+")


class AffWild2(fb.Dataset):
    """Aff-Wild2's expressions: every labelled frame that has a face is judged, seen through a window.

    The default window is the paper's: 8 frames, 3 apart. That of Kuhnke et al. (2020) is
    ``dataset.dilation=6 dataset.placing=causal``.
    """

    name = "affwild2"
    classes: tuple[str, ...] = CLASSES
    protocol = fb.Protocol(frames=None, loss="focal", headline="m", metrics=("m", "accuracy", "f1", "uar"))
    run_defaults = {"training.epochs": 10, "training.batch_size": 64}

    class Config(fb.Window, fb.NamedClasses):
        """Options."""

        annotations: str | None = Field(
            None,
            description="folder of the annotations below the root, where it holds those of several editions",
        )

    def scan(self) -> fb.Inventory:
        with fb.reading("Aff-Wild2 in", self.root, "Make its folders readable, or copy it again."):
            return self._scan()

    def _scan(self) -> fb.Inventory:
        crops = dict(_crops(self.root))
        splits = self._splits()
        tables, problems = read_tables(splits)
        self.classes = tuple(name for name in edition(tables) if name in self.classes)
        clips, counts = [], {split: Counts() for split in splits}
        for table in tables:
            place = crops.get(table.name)
            clip, reason = self._clip(table, place, counts[table.split])
            if clip:
                clips.append(clip)
            else:
                problems.append(fb.Problem(table.name, reason))
        if not clips:
            raise fb.UserError(
                f"Aff-Wild2: {self.root} has {len(tables)} files of labels and images of none: "
                f"{problems[0].clip}: {problems[0].reason}. Unzip cropped_aligned.zip beside the annotations."
            )
        notes = [note for split, of in counts.items() for note in of.told(split)]
        rest = len(crops.keys() - {table.name for table in tables})
        if rest:
            notes.append(
                fb.Problem("images", f"{rest} folders have no labels here, as those of the test set")
            )
        return fb.Inventory(tuple(clips), tuple(problems), notes=tuple(notes))

    def _splits(self) -> dict[str, Path]:
        """Split -> its folder of annotations.

        Raises:
            UserError: a split is missing, or several editions are there and none was chosen.
        """
        start = self.root / (self.config.annotations or "")
        found: dict[Path, dict[str, Path]] = {}
        for folder in _folders_below(start):
            if not (folder.parent == start or folder.parent.name.lower().startswith("expr")):
                continue  # valence, arousal and action units are parted into folders of the same names
            for split, names in SPLIT_FOLDERS.items():
                if folder.name.lower() in names:
                    found.setdefault(folder.parent, {})[split] = folder
        if not found:
            raise fb.UserError(
                f"Aff-Wild2 not found: {start} holds no EXPR_Set/ or EXPR_Classification_Challenge/ with "
                "Training_Set/ or Train_Set/ in it. Aff-Wild2 is given out under an agreement "
                "(https://ibug.doc.ic.ac.uk/resources/aff-wild2/). "
                "To try the command on generated data add --stand-in."
            )
        if len(found) > 1:
            listed = ", ".join(sorted(folder.relative_to(self.root).as_posix() for folder in found))
            raise fb.UserError(
                f"Aff-Wild2: {self.root} holds annotations of {len(found)} editions: {listed}. "
                "Choose one: --set dataset.annotations=FOLDER."
            )
        ((folder, splits),) = found.items()
        missing = [names for split, names in SPLIT_FOLDERS.items() if split not in splits]
        if missing:
            raise fb.UserError(f"Aff-Wild2 is not whole: {folder} holds no {' or '.join(missing[0])}.")
        return {split: splits[split] for split in SPLIT_FOLDERS}

    def _clip(self, table: Table, place: Path | None, counts: Counts) -> tuple[fb.Clip | None, str]:
        """A video of one person; None with the reason where nothing of it is judged."""
        if place is None:
            return None, "labelled, but there is no folder of images of that name"
        numbers = _images(place)
        if not numbers:
            return None, f"labelled, but {place.relative_to(self.root).as_posix()} holds no image"
        time = max(len(table.labels), max(numbers))
        labels = [label if k in numbers else "" for k, label in enumerate(table.labels, start=1)]
        labels += [""] * (time - len(labels))
        if not any(labels):
            return None, "none of its frames has a label and an image"
        counts.add(table, numbers, labels)
        video = _PERSON.fullmatch(table.name)
        subject = "/".join(video.groups()) if video else f"{table.name}/main"
        folder = place.relative_to(self.root).as_posix()
        files = tuple(f"{folder}/{numbers[number]}" for number in sorted(numbers))
        return fb.Clip(table.name, "", table.split, subject, files, tuple(labels)), ""

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        """All frames of the video, black where there is no image."""
        paths = [self.root / name for name in clip.files]
        places = [int(path.stem) - 1 for path in paths]
        frames = None
        for start in range(0, len(paths), CHUNK):
            chunk = fb.read_images(paths[start : start + CHUNK])
            if frames is None:
                frames = np.zeros((len(clip.labels), *chunk.shape[1:]), dtype=np.uint8)
            if chunk.shape[1:] != frames.shape[1:]:
                raise fb.BadClip(f"{paths[start].parent}: images differ in size. Copy the folder again.")
            frames[places[start : start + CHUNK]] = chunk
        if frames is None:
            raise fb.BadClip(f"{clip.id}: no image to read.")
        return fb.ClipFrames(frames)

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(CLASSES[:-1], {"train": (24, 1), "report": (10, 1)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[fb.StandInClip]) -> None:
        """Lay out each person's clips as one video, with all that makes reading hard.

        A frame is of the clip's class where its expression is strong, Neutral away from it, and -1 between.
        """
        for subject, filmed in groupby(clips, key=lambda clip: clip.subject):
            video = list(filmed)
            person, split = int(subject), "Training_Set" if video[0].split == "train" else "Validation_Set"
            name = f"video{person - person % 4}" + ("_left", "_right", "a", "b")[person % 4]
            second = "cropped_aligned_new_50_vids" if person % 5 == 4 else "cropped_aligned"
            images, labels = (
                root / "cropped_aligned" / second / name,
                root / "annotations" / "EXPR_Set" / split,
            )
            for folder in (images, labels):
                folder.mkdir(parents=True, exist_ok=True)
            frames = np.concatenate([clip.frames for clip in video])
            for t, frame in enumerate(frames, start=1):
                if t % 20 != 7:  # no face was found
                    fb.write_image(images / f"{t:05d}.jpg", frame)
            named = [name for clip in video for name in _shown(clip)]
            lines = named[: len(named) - (person % 3 == 1)] + [named[-1]] * (person % 3 == 0)
            write_table(labels / f"{name}.txt", lines, CLASSES[:-1])


def _shown(clip: fb.StandInClip) -> list[str]:
    """A label for each frame of a generated clip, empty where it is neither neutral nor strong."""
    near = np.convolve(clip.active, np.ones(7), mode="same") > 0
    return [
        clip.label if strong else "" if fades else "Neutral"
        for strong, fades in zip(clip.active, near, strict=True)
    ]


def _folders_below(start: Path) -> Iterator[Path]:
    """All folders but those of images, parents first."""
    level = [start]
    for _ in range(DEEPEST):
        level = [inner for folder in level for inner in _folders(folder) if not _is_crops(inner)]
        yield from level


def _crops(root: Path) -> dict[str, Path]:
    """Video -> its folder of images; unzipping may double the folder around them."""
    found: dict[str, Path] = {}
    level = [
        inner for folder in (root, *_folders_below(root)) for inner in _folders(folder) if _is_crops(inner)
    ]
    while level:
        inside = [inner for folder in level for inner in _folders(folder)]
        for video in inside:
            if not _is_crops(video):
                found.setdefault(video.name, video)
        level = [folder for folder in inside if _is_crops(folder)]
    return found


def _is_crops(folder: Path) -> bool:
    return folder.name.lower().startswith(CROPS)


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(Path(e.path) for e in entries if e.is_dir() and not e.name.startswith("."))


def _images(folder: Path) -> dict[int, str]:
    """Number -> name of each image of a video."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if fb.is_image(entry.name)]
    return {int(match[1]): name for name in names if (match := _NUMBER.fullmatch(name))}


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [AffWild2]
