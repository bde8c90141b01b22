"""DFEW: 11,697 single-labelled clips of films, seven expressions, five published folds.

Both archives are read; folders may lie a few levels deep::

    data/00001/00001_00001.jpg                          Clip/clip_224x224/00001/1.jpg ... 144.jpg
    label/single_trainset_1.csv ... single_testset_5.csv    also clip_224x224_16f: 1.jpg ... 16.jpg
                                                        EmoLabel_DataSplit/train(single-labeled)/set_1.csv
                                                        EmoLabel_DataSplit/test(single-labeled)/set_5.csv

Names of frames are not padded with zeros, so they are sorted by their numbers. A list has the
columns ``video_name`` and ``label``, 1 to 7 in the order of the classes below (README of
jiangxingxun/DFEW); 0 marks clips without a single label, which no fold uses.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field

import fusionbench as fb

CLASSES = ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
"""in the order of their numbers, from 1"""
SETS = 5
PUBLISHED = {1: 2341, 2: 2341, 3: 2340, 4: 2339, 5: 2336}
"""set -> clips that are reported on: the lengths of the published lists"""
FRAMES = ("clip_224x224", "jpg_256", "clip_224x224_16f", "data", "original")
"""folders of frames, the first one that is there is read"""
DEEPEST = 4
LARGEST_LIST = 10_000_000
"""bytes"""
_LIST = re.compile(r"(?:single_(?P<old>train|test)set_|set_)(?P<number>[1-9])\.csv", re.IGNORECASE)
_SIDE = re.compile(r"(train|test)\W*_?single", re.IGNORECASE)


class DFEW(fb.Dataset):
    """Dynamic Facial Expressions in the Wild: each clip is reported on in one of five folds.

    Accuracy is what the field calls WAR. Who plays is not given out, and folds part clips, so
    that the same actor may be on both sides; of a stand-in people are known and kept apart.
    """

    name = "dfew"
    classes = CLASSES

    class Config(fb.NamedClasses):
        """Options."""

        frames: str | None = Field(
            None,
            description=f"folder of frames that is read; null = the first there is of {', '.join(FRAMES)}",
        )

    def scan(self) -> fb.Inventory:
        with fb.reading("DFEW in", self.root, "Make its folders readable, or copy it again."):
            return self._scan()

    def _scan(self) -> fb.Inventory:
        folders, lists = _find(self.root)
        if not lists:
            raise fb.UserError(
                f"DFEW not found: {self.root} holds no list of a fold (label/single_trainset_1.csv or "
                "EmoLabel_DataSplit/train(single-labeled)/set_1.csv). DFEW is given out under an agreement "
                "(https://dfew-dataset.github.io). To try the command on generated data add --stand-in."
            )
        place = self._place(folders)
        marker = fb.read_marker(self.root)
        listed = _Lists(self.root, lists)
        clips, problems = [], list(listed.problems)
        held = {entry.name: Path(entry.path) for entry in _folders(place)}
        for number, label in listed.labels.items():
            frames = _frames(held[number]) if number in held else []
            if not frames:
                what = "holds no image" if number in held else "is not there"
                problems.append(fb.Problem(number, f"labelled {label}, but {place.name}/{number} {what}"))
                continue
            folder = held[number].relative_to(self.root).as_posix()
            files = tuple(f"{folder}/{name}" for name in frames)
            subject = number[:3] if marker else None
            clips.append(fb.Clip(number, label, listed.split[number], subject, files))
        if not clips:
            raise fb.UserError(
                f"DFEW: {place} holds no frames of the {len(listed.labels)} clips that are listed. "
                "Unpack the frames, or name their folder: --set dataset.frames=FOLDER."
            )
        problems += [] if marker else _sizes(clips)
        published = Counter(f"{listed.split[number]}/{label}" for number, label in listed.labels.items())
        return fb.Inventory(tuple(clips), tuple(problems), published=published)

    def _place(self, folders: Mapping[str, Path]) -> Path:
        """The folder whose folders are clips."""
        asked = self.config.frames
        for name in (asked,) if asked else FRAMES:
            if name in folders:
                return folders[name]
        there = ", ".join(sorted(folders)) or "none"
        if asked:
            raise fb.UserError(f"dataset.frames={asked}: {self.root} has no such folder. There: {there}.")
        raise fb.UserError(
            f"DFEW: {self.root} holds lists but no frames. Unpack Clip/clip_224x224, or data/. Folders of "
            f"numbered clips there: {there}."
        )

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        return fb.ClipFrames(fb.read_images([self.root / name for name in clip.files]))

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        """``fd1`` to ``fd5``, as far as there are lists: reported on is a set, trained on all other clips."""
        names = sorted({clip.split for clip in clips} - {"train"})
        return [
            fb.Fold(
                name,
                tuple(clip.id for clip in clips if clip.split != name),
                tuple(clip.id for clip in clips if clip.split == name),
            )
            for name in names
        ]

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(cls.classes, {"": (40, 1)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[fb.StandInClip]) -> None:
        """Lay clips out as in the newer archive. A number: three digits of the person, class, repetition."""
        _write_lists(root, cls.stand_in_plan())
        for clip in clips:
            repetition = int(clip.id.rpartition("-")[2])
            folder = root / "Clip" / "clip_224x224" / _number(int(clip.subject), clip.label, repetition)
            folder.mkdir(parents=True, exist_ok=True)
            for t, frame in enumerate(clip.frames, start=1):
                fb.write_image(folder / f"{t}.jpg", frame)


class _Lists:
    """What the lists say: ``labels`` and ``split`` of each clip, and ``problems``."""

    def __init__(self, root: Path, lists: Mapping[tuple[int, str], Path]):
        self.labels: dict[str, str] = {}
        self.split: dict[str, str] = {}
        self.problems: list[fb.Problem] = []
        sides: dict[tuple[int, str], set[str]] = {}
        for (number, side), path in sorted(lists.items()):
            sides[number, side] = self._read(path, path.relative_to(root).as_posix())
        numbers = sorted({number for number, _ in lists})
        for number in numbers:
            for clip in sorted(sides.get((number, "test"), set())):
                self._report(clip, f"fd{number}")
        for clip in self.labels:
            self.split.setdefault(clip, "train")
        for number in numbers:
            if (number, "test") in sides and (number, "train") in sides:
                self._compare(number, sides[number, "train"], sides[number, "test"])
            else:
                lacks = "train" if (number, "test") in sides else "test"
                self.problems.append(fb.Problem(f"fd{number}", f"set {number} has no {lacks} list"))
        missing = [str(k) for k in range(1, SETS + 1) if k not in numbers]
        if missing:
            self.problems.append(fb.Problem("folds", f"there are no lists of set {', '.join(missing)}"))
        self.labels = dict(sorted(self.labels.items()))

    def _read(self, path: Path, name: str) -> set[str]:
        """The clips of one list; their labels are remembered."""
        clips: set[str] = set()
        for line, (clip, number) in _rows(path):
            where = f"{name}, line {line}"
            if not (clip.isdecimal() and number.isdecimal() and 0 <= int(number) <= len(CLASSES)):
                self.problems.append(
                    fb.Problem(where, f"{clip!r}, {number!r} is no clip's number and no label from 0 to 7")
                )
                continue
            if int(number) == 0:
                continue
            clip, label = f"{int(clip):05d}", CLASSES[int(number) - 1]
            known = self.labels.setdefault(clip, label)
            if known != label:
                self.problems.append(fb.Problem(clip, f"{where}: {label}, but another list says {known}"))
            clips.add(clip)
        return clips

    def _report(self, clip: str, fold: str) -> None:
        earlier = self.split.setdefault(clip, fold)
        if earlier != fold:
            self.problems.append(
                fb.Problem(clip, f"reported on in {earlier} and in {fold}; it counts in {earlier} alone")
            )

    def _compare(self, number: int, train: set[str], test: set[str]) -> None:
        """A fold trains on all clips that it does not report on; a list that says otherwise is told."""
        both = len(train & test)
        if both:
            self.problems.append(fb.Problem(f"fd{number}", f"{both} clips are in both of its lists"))
        left_out = len(set(self.labels) - train - test)
        if left_out:
            self.problems.append(
                fb.Problem(f"fd{number}", f"{left_out} clips of other sets are in neither of its lists")
            )


def _rows(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """Line, name of the clip without an ending, and label, of a list."""
    with fb.reading("list", path, "Copy it again."):
        text = fb.read_regular(path, LARGEST_LIST).decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text))
        header = [name.strip().lower() for name in next(rows, [])]
        if not {"video_name", "label"} <= set(header):
            raise fb.UserError(f"list {path} has columns {', '.join(header)}; needed: video_name, label.")
        name, label = header.index("video_name"), header.index("label")
        for row in rows:
            if row:
                cells = [*(cell.strip() for cell in row), *[""] * len(header)]
                yield rows.line_num, (cells[name].partition(".")[0], cells[label].removesuffix(".0"))


def _find(root: Path) -> tuple[dict[str, Path], dict[tuple[int, str], Path]]:
    """Folders whose folders are numbered clips, by name, and lists by set and side."""
    frames: dict[str, Path] = {}
    lists: dict[tuple[int, str], Path] = {}
    level = [root]
    for _ in range(DEEPEST):
        deeper: list[Path] = []
        for place in level:
            inner = _folders(place)
            if any(re.fullmatch(r"\d{5}", entry.name) for entry in inner):
                frames.setdefault(place.name, place)
                continue
            deeper += [Path(entry.path) for entry in inner]
            with os.scandir(place) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    found = _LIST.fullmatch(entry.name)
                    side = found and (found["old"] or (_SIDE.search(place.name) or [None, None])[1])
                    if found and side:
                        lists.setdefault((int(found["number"]), side.lower()), Path(entry.path))
        level = deeper
    return frames, lists


def _folders(place: Path) -> list[os.DirEntry[str]]:
    if not place.is_dir():
        return []
    with os.scandir(place) as entries:
        return sorted((entry for entry in entries if entry.is_dir()), key=lambda entry: entry.name)


def _frames(place: Path) -> list[str]:
    """Names of the images of a clip, in temporal order: 2.jpg before 10.jpg."""
    with os.scandir(place) as entries:
        names = [entry.name for entry in entries]
    return sorted((name for name in names if fb.is_image(name)), key=fb.natural_key)


def _sizes(clips: Sequence[fb.Clip]) -> list[fb.Problem]:
    """Each set against its published size."""
    held = Counter(clip.split for clip in clips)
    return [
        fb.Problem(f"fd{number}", f"{held[f'fd{number}']} clips to report on, {published} published")
        for number, published in PUBLISHED.items()
        if held[f"fd{number}"] not in (0, published)
    ]


def _number(person: int, label: str, repetition: int) -> str:
    return f"{person:03d}{CLASSES.index(label)}{repetition}"


def _write_lists(root: Path, plan: fb.StandInPlan) -> None:
    """The lists of the whole plan, people in turns over the sets; whoever comes first writes them."""
    people, each = plan.splits[""]
    clips = [
        (_number(person, label, k), CLASSES.index(label) + 1, person % SETS + 1)
        for person in range(people)
        for label in plan.classes
        for k in range(each)
    ]
    for number in range(1, min(SETS, people) + 1):
        for side in ("train", "test"):
            path = root / "EmoLabel_DataSplit" / f"{side}(single-labeled)" / f"set_{number}.csv"
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [f"{int(clip)},{label}" for clip, label, of in clips if (of == number) == (side == "test")]
            aside = path.with_name(f".{os.getpid()}-{path.name}")
            aside.write_text("\n".join(["video_name,label", *rows]) + "\n", encoding="ascii")
            aside.replace(path)


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [DFEW]
