"""RML: eight people, six expressions, one person left out at a time; as its archives and OpenFace leave it.

The class is the first two letters of a file's name. Some people have one more folder,
a language, and number their files anew in it::

    rml-1/s1/an1.avi                                   rml-2 holds s6 to s8; videos are not decoded here
    rml-1/s1/an1.csv                                   OpenFace's output beside the video, or in a
    rml-1/s1/an1_aligned/frame_det_00_000001.bmp       folder such as processed/
    rml-1/s3/English/an1.avi
    rml-1/s3/English/an1/000001.jpg                    faces that were aligned otherwise

OpenFace writes a black image and ``success`` 0 where it found no face. Such frames are left out by
their number; the others keep their order. Older editions write no ``face_id`` and blanks after commas.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fusionbench as fb

from .openface_output import found_faces, write_faces

CLASS_OF = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}
"""first two letters of a file's name -> class"""
PUBLISHED = {"rml-1": (66, 67, 67, 73, 66, 68), "rml-2": (54, 53, 53, 47, 54, 52)}
"""archive -> clips of each class (albanie/mcnDatasets, rml/getRmlImdb.m): 720, 120 of each class"""
SUBJECTS = {"rml-1": range(1, 6), "rml-2": range(6, 9)}
"""archive -> the numbers of its people"""
OUTPUT_FOLDERS = {"processed", "openface", "openface_output", "aligned", "aligned_faces", "faces"}
"""folders that hold what was made of videos, and name no language; in lower case"""
VIDEOS = {"avi", "mp4", "mkv", "mov"}
DEEPEST = 5
"""levels below a folder that are looked through"""
_STEM = re.compile(rf"({'|'.join(CLASS_OF)})\d+")
_SUBJECT = re.compile(r"s(\d+)", re.IGNORECASE)


class RML(fb.Dataset):
    """RML: 720 clips of eight people, one of them left out in each of eight folds."""

    name = "rml"
    classes = tuple(CLASS_OF.values())
    takes_prepared = True

    class Config(fb.NamedClasses):
        """Options."""

    def scan(self) -> fb.Inventory:
        with fb.reading("RML in", self.root, "Make its folders readable, or copy it again."):
            return self._scan()

    def _scan(self) -> fb.Inventory:
        takes, people = _takes(self.root)
        if not takes:
            raise fb.UserError(
                f"RML not found: {self.root} holds no folders s1/ to s8/ with clips such as an1.avi, by "
                "themselves or in rml-1/ and rml-2/. RML is given out on request by the Ryerson Multimedia "
                "Research Laboratory. To try the command on generated data add --stand-in."
            )
        clips: list[fb.Clip] = []
        problems = [
            fb.Problem(f"s{number}", f"no folder s{number}; {archive} holds s{span[0]} to s{span[-1]}")
            for archive, span in SUBJECTS.items()
            for number in span
            if number not in people
        ]
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for name in sorted(takes, key=fb.natural_key):
            take = takes[name]
            try:
                files = self._frames(take, counted[take.subject])
            except fb.BadClip as error:
                problems.append(fb.Problem(name, str(error)))
                continue
            clips.append(fb.Clip(name, CLASS_OF[take.stem[:2]], "", take.subject, files))
        if not clips:
            raise fb.UserError(
                f"RML: {self.root} holds {len(takes)} clips and aligned faces of none, the first: "
                f"{problems[-1].clip}: {problems[-1].reason}. Align them: `fusionbench prepare`, or "
                "OpenFace's FeatureExtraction -simalign with -out_dir beside the videos."
            )
        marker = fb.read_marker(self.root)
        each = (sum(counts) for counts in zip(*PUBLISHED.values(), strict=True))
        published = {f"/{label}": n for label, n in zip(type(self).classes, each, strict=True)}
        notes = tuple(_told(counted))
        if marker:
            return fb.Inventory(tuple(clips), tuple(problems), marker.published, notes)
        return fb.Inventory(tuple(clips), tuple(problems), published, (*notes, *_of_archives(clips)))

    def _frames(self, take: _Take, counted: Counter[str]) -> tuple[str, ...]:
        """Files of a clip's frames relative to the root; what is left out is ``counted``.

        Raises:
            BadClip: it has none.
        """
        if take.stem[:2] not in CLASS_OF:
            raise fb.BadClip(
                f"{take.stem!r} begins with none of {', '.join(CLASS_OF)}, so its class is not known"
            )
        places = take.faces or take.openface
        if not places:
            raise fb.BadClip(
                "a video without aligned faces" if take.videos else "an OpenFace csv without faces"
            )
        if len(places) > 1:
            listed = " and ".join(place.relative_to(self.root).as_posix() for place in places)
            raise fb.BadClip(f"faces lie in {listed}. Keep one of them")
        if take.faces:
            names = sorted((e.name for e in _entries(places[0]) if fb.is_image(e.name)), key=fb.natural_key)
        else:
            names = found_faces(places[0], take.tables, counted)
        if not names:
            raise fb.BadClip(f"{places[0].relative_to(self.root).as_posix()} holds no face")
        folder = places[0].relative_to(self.root).as_posix()
        return tuple(f"{folder}/{name}" for name in names)

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        paths = [self.root / name for name in clip.files]
        frames = fb.read_images(paths)
        if paths[0].parent.name.endswith("_aligned"):  # where a csv is missing, only black tells a failure
            frames = frames[frames.any(axis=(1, 2, 3))]
            if not len(frames):
                raise fb.BadClip(
                    f"{paths[0].parent}: all frames are black: OpenFace found no face. Leave it out."
                )
        return fb.ClipFrames(frames)

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        """One for each person, who is reported on; called s1 to s8."""
        return fb.make_folds(clips, "loso", seed=self.protocol.seed)

    @classmethod
    def stand_in_plan(cls) -> fb.StandInPlan:
        return fb.StandInPlan(cls.classes, {"": (8, 5)})

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[fb.StandInClip]) -> None:
        """Lay clips out as above: OpenFace's new and old output by turns, and aligned faces by language."""
        for clip in clips:
            person, k = int(clip.subject), int(clip.id.rpartition("-")[2])
            letters = next(letters for letters, label in CLASS_OF.items() if label == clip.label)
            folder = root / ("rml-1" if person < 5 else "rml-2") / f"s{person + 1}"
            if person == 2:
                folder, k = folder / ("English", "Mandarin")[k % 2], k // 2
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{letters}{k + 1}"
            (folder / f"{stem}.avi").touch()
            if person % 3 == 2:
                (folder / stem).mkdir()
                for t, frame in enumerate(clip.frames, start=1):
                    fb.write_image(folder / stem / f"{t:06d}.jpg", frame)
            else:
                write_faces(folder, stem, clip.frames, older=person % 3 == 1)


@dataclass
class _Take:
    """What lies on disk of one clip."""

    subject: str
    stem: str
    videos: list[Path] = field(default_factory=list)
    faces: list[Path] = field(default_factory=list)
    openface: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)


def _takes(root: Path) -> tuple[dict[str, _Take], set[int]]:
    """Clip id -> what there is of it, wherever subjects' folders lie below ``root``; and who has a folder."""
    takes: dict[str, _Take] = {}
    people: set[int] = set()

    def look(folder: Path, person: int, language: tuple[str, ...], level: int) -> None:
        for entry in _entries(folder):
            stem, dot, ending = entry.name.lower().rpartition(".")
            if entry.is_dir():
                name, inside = entry.name.lower(), Path(entry.path)
                if name.endswith("_aligned"):
                    _take(takes, person, language, name.removesuffix("_aligned")).openface.append(inside)
                elif _STEM.fullmatch(name) and _holds_images(inside):
                    _take(takes, person, language, name).faces.append(inside)
                elif level < DEEPEST:
                    nameless = name in OUTPUT_FOLDERS or _STEM.fullmatch(name)
                    look(inside, person, language if nameless else (*language, entry.name), level + 1)
            elif dot and ending in VIDEOS:
                _take(takes, person, language, stem).videos.append(Path(entry.path))
            elif ending == "csv" and _STEM.fullmatch(stem):
                _take(takes, person, language, stem).tables.append(Path(entry.path))

    level = [root]
    for _ in range(DEEPEST):
        inner = [Path(entry.path) for folder in level for entry in _entries(folder) if entry.is_dir()]
        level = []
        for folder in inner:
            match = _SUBJECT.fullmatch(folder.name)
            if match:
                people.add(int(match[1]))
                look(folder, int(match[1]), (), 0)
            else:
                level.append(folder)
    return takes, people


def _take(takes: dict[str, _Take], person: int, language: tuple[str, ...], stem: str) -> _Take:
    subject = f"s{person}"
    return takes.setdefault("/".join((subject, *language, stem)), _Take(subject, stem))


def _holds_images(folder: Path) -> bool:
    return any(fb.is_image(entry.name) for entry in _entries(folder))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)


def _told(counted: dict[str, Counter[str]]) -> list[fb.Problem]:
    """Of each person, what OpenFace did not give of the frames."""
    notes = []
    for subject in sorted(counted, key=fb.natural_key):
        of = counted[subject]
        for what, said in (
            (
                "failed",
                f"OpenFace found no face in {of['failed']:,} of {of['frames']:,} frames; they are left out",
            ),
            ("unlisted", f"{of['unlisted']:,} frames are in no line of OpenFace's csv; they are left out"),
            (
                "without",
                f"{of['without']} clips have no OpenFace csv: of them, frames that are black are left out",
            ),
        ):
            if of[what]:
                notes.append(fb.Problem(subject, said))
    return notes


def _of_archives(clips: Sequence[fb.Clip]) -> list[fb.Problem]:
    """How many clips of each archive were found, where it is not what was published."""
    notes = []
    for archive, span in SUBJECTS.items():
        found = sum(clip.subject in {f"s{number}" for number in span} for clip in clips)
        if found != sum(PUBLISHED[archive]):
            notes.append(fb.Problem(archive, f"{found} clips; {sum(PUBLISHED[archive])} were published"))
    return notes


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [RML]
