"""What a source holds: recordings on disk, each a video, a folder of images or a table of OpenFace."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import Unreadable, reading
from fusionbench.data.faces import is_image, natural_key
from fusionbench.data.store_format import DESCRIPTION
from fusionbench.prepare.video import SUFFIXES, is_video

ALIGNED = "_aligned"
"""end of the folder in which OpenFace puts the faces of ``NAME.csv``"""


@dataclass(frozen=True)
class Recording:
    """One clip to be prepared, as it lies on disk."""

    id: str
    """unique in the source, the same on every machine: its path without suffix"""
    kind: Literal["video", "images", "openface"]
    files: tuple[str, ...]
    """relative to the source, in temporal order"""
    label: str = ""
    split: str = ""
    subject: str | None = None
    labels: tuple[str, ...] = ()
    """one a frame, for sets that label frames; empty where a frame was not judged"""

    @property
    def clip(self) -> Clip:
        """As a store's index has it."""
        return Clip(self.id, self.label, self.split, self.subject, self.files[:1], self.labels)


def find_recordings(source: Path) -> tuple[Path, list[Recording]]:
    """Everything in a source that can be prepared, in natural order; nothing is opened.

    Links are followed, each folder once. Hidden names and stores are passed over. A folder's images
    are one recording, unless there are videos beside them.

    Returns:
        the folder that the recordings' files are relative to, and the recordings.

    Raises:
        UserError: there is nothing, or the source cannot be read.
    """
    source = source.expanduser()
    if not os.path.lexists(source):
        raise UserError(f"{source} is not there. Give a video, or a folder of videos or images.")
    with reading("source", source, "Make it readable, or name another."):
        if not source.is_dir():
            kind: Literal["video", "openface"] = "openface" if _is_table(source) else "video"
            return source.parent, [Recording(source.stem, kind, (source.name,))]
        found = _unique([r for folder in _folders(source) for r in _in_folder(source, folder)])
    if not found:
        raise UserError(
            f"{source} holds nothing to prepare: no video ({', '.join(sorted(SUFFIXES))}), no image, and no "
            f"table of OpenFace (NAME.csv beside NAME{ALIGNED}/)."
        )
    return source, sorted(found, key=lambda recording: natural_key(recording.id))


def recording_of(clip: Clip) -> Recording:
    """A dataset's clip as a recording.

    Raises:
        UserError: it is read from something else than one video or images.
    """
    names = [PurePosixPath(name).name for name in clip.files]
    if len(names) == 1 and is_video(names[0]):
        return Recording(clip.id, "video", clip.files, clip.label, clip.split, clip.subject, clip.labels)
    if names and all(map(is_image, names)):
        return Recording(clip.id, "images", clip.files, clip.label, clip.split, clip.subject, clip.labels)
    raise UserError(
        f"clip {clip.id!r} lies in {clip.files[0] if clip.files else 'no file'}, which is neither a video "
        "nor images; such a dataset is not prepared, it is run on as it is."
    )


def _folders(source: Path) -> Iterator[Path]:
    """The source and all folders in it, each once however often it is linked."""
    seen: set[tuple[int, int]] = set()
    for place, inner, _ in os.walk(source, onerror=_refuse, followlinks=True):
        about = os.stat(place)
        if (about.st_dev, about.st_ino) in seen or os.path.isfile(os.path.join(place, DESCRIPTION)):
            inner.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield Path(place)
        inner[:] = [name for name in inner if not _belongs_to_table(Path(place, name))]


def _refuse(error: OSError) -> NoReturn:
    """A folder that cannot be read may hold recordings: it is never passed over."""
    raise Unreadable(f"{error.filename}: {error.strerror}") from error


def _in_folder(source: Path, folder: Path) -> Iterator[Recording]:
    names = sorted((n for n in os.listdir(folder) if not os.path.isdir(folder / n)), key=natural_key)
    place = folder.relative_to(source)
    videos = [name for name in names if is_video(name)]
    for name in videos:
        yield Recording((place / name).with_suffix("").as_posix(), "video", ((place / name).as_posix(),))
    for name in names:
        if _is_table(folder / name):
            yield Recording(
                (place / name).with_suffix("").as_posix(), "openface", ((place / name).as_posix(),)
            )
    images = [name for name in names if is_image(name)]
    if images and not videos:
        shown = place.as_posix() if place.parts else source.resolve().name
        yield Recording(shown, "images", tuple((place / name).as_posix() for name in images))


def _is_table(path: Path) -> bool:
    return (
        path.suffix.lower() == ".csv" and path.is_file() and path.with_name(f"{path.stem}{ALIGNED}").is_dir()
    )


def _belongs_to_table(folder: Path) -> bool:
    """Whether its images are the faces of a table of OpenFace."""
    return folder.name.endswith(ALIGNED) and _is_table(
        folder.with_name(f"{folder.name.removesuffix(ALIGNED)}.csv")
    )


def _unique(found: list[Recording]) -> list[Recording]:
    """Ids without suffix, but for files that differ in nothing else."""
    often = Counter(recording.id for recording in found)
    return [
        r
        if often[r.id] == 1
        else Recording(r.files[0] if r.kind != "images" else f"{r.id}/", r.kind, r.files)
        for r in found
    ]
