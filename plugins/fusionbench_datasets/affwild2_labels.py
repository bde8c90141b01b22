"""Aff-Wild2's files of labels: one a person, a line a frame, read by the names that the first line gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fusionbench as fb

CLASSES = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")
"""of the editions since 2022; those of 2020/21 have no Other"""
LARGEST = 50_000_000
"""bytes of a file: some million frames"""
UNJUDGED = -1
"""what a file says of a frame that nobody could tell"""


@dataclass(frozen=True)
class Table:
    """The labels of one person in one video."""

    path: Path
    split: str
    classes: tuple[str, ...]
    """names, in the order of the file's numbers"""
    labels: tuple[str, ...]
    """of each frame, empty where it is -1"""

    @property
    def name(self) -> str:
        """The video's, with the person's where there are several."""
        return self.path.stem


@dataclass
class Counts:
    """What the videos of a split hold, as seen."""

    people: int = 0
    lines: int = 0
    judged: int = 0
    unjudged: int = 0
    without_image: int = 0
    longer: list[int] = field(default_factory=list)
    """of each video whose last image lies behind its last line, by how many frames"""
    shorter: list[int] = field(default_factory=list)
    """of each video whose last line lies behind its last image"""

    def add(self, table: Table, images: Iterable[int], judged: Sequence[str]) -> None:
        """Count a video: its labels, the numbers of its images, and the labels that are judged."""
        labelled = sum(map(bool, table.labels))
        self.people += 1
        self.lines += len(table.labels)
        self.judged += sum(map(bool, judged))
        self.unjudged += len(table.labels) - labelled
        self.without_image += labelled - sum(map(bool, judged))
        beyond = max(images) - len(table.labels)
        if beyond:
            (self.longer if beyond > 0 else self.shorter).append(abs(beyond))

    def told(self, split: str) -> list[fb.Problem]:
        """In a few lines."""
        said = [
            f"{self.people:,} people; of {self.lines:,} lines {self.judged:,} are judged, "
            f"{self.unjudged:,} are -1, {self.without_image:,} are labelled and have no image"
        ]
        for videos, what in (
            (self.longer, "images behind the last line"),
            (self.shorter, "lines behind the last image"),
        ):
            if videos:
                said.append(
                    f"{len(videos):,} videos have {what}, {max(videos):,} at most; those are not judged"
                )
        return [fb.Problem(split, line) for line in said]


def read_tables(splits: Mapping[str, Path]) -> tuple[list[Table], list[fb.Problem]]:
    """The files of all splits, and those that cannot be used, with the reason.

    A person who is in both splits is reported on, and not trained on.

    Args:
        splits: name -> folder of the files.
    """
    tables: dict[str, Table] = {}
    problems = []
    for split, folder in splits.items():
        files = (path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.name[0] != ".")
        for path in sorted(files, key=lambda path: fb.natural_key(path.name)):
            try:
                table = _read(path, split)
            except fb.BadClip as error:
                problems.append(fb.Problem(path.stem, str(error)))
                continue
            if table.name in tables:
                reason = (
                    f"it is in {tables[table.name].path.parent.name} and in {folder.name}; not trained on"
                )
                problems.append(fb.Problem(table.name, reason))
            tables[table.name] = table
    return list(tables.values()), problems


def edition(tables: Sequence[Table]) -> tuple[str, ...]:
    """The classes that all files name, in this project's order.

    Raises:
        UserError: there is no file, or they are of different editions.
    """
    if not tables:
        raise fb.UserError(
            "Aff-Wild2: no file of labels can be read. `fusionbench data verify affwild2` lists them."
        )
    named = {frozenset(table.classes): table for table in tables}
    if len(named) > 1:
        one, other = list(named.values())[:2]
        raise fb.UserError(
            f"Aff-Wild2: annotations of two editions are mixed: {one.path} names {', '.join(one.classes)}; "
            f"{other.path} names {', '.join(other.classes)}. Keep those of one edition."
        )
    return tuple(name for name in CLASSES if name in next(iter(named)))


def _read(path: Path, split: str) -> Table:
    with fb.reading("", path, "Copy the annotations again.", fb.BadClip):
        lines = fb.read_regular(path, LARGEST).decode("utf-8-sig").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    known = {name.lower(): name for name in CLASSES}
    header = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    unknown = [name for name in header if name not in known]
    if unknown or len(header) < 2 or len(set(header)) < len(header):
        raise fb.BadClip(
            f"{path}: line 1 is {lines[0][:80]!r}; it names the classes" if lines else f"{path} is empty"
        )
    classes = tuple(known[name] for name in header)
    meaning = {str(number): name for number, name in enumerate(classes)} | {str(UNJUDGED): ""}
    labels = []
    for number, line in enumerate(lines[1:], start=2):
        label = meaning.get(line.strip())
        if label is None:
            raise fb.BadClip(
                f"{path}, line {number}: {line[:40]!r} is none of 0 to {len(classes) - 1}, or {UNJUDGED}"
            )
        labels.append(label)
    return Table(path, split, classes, tuple(labels))


def write_table(path: Path, labels: Iterable[str], classes: Sequence[str]) -> None:
    """Write labels as such a file; an empty one as -1."""
    numbers = (classes.index(label) if label else UNJUDGED for label in labels)
    path.write_text("\n".join([",".join(classes), *map(str, numbers)]) + "\n", encoding="ascii")
