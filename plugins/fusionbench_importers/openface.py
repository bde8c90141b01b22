"""OpenFace 2's csv files: one row a frame and face.

Two editions of the header are about: newer ones with ``face_id``, older ones without it and with a
blank after every comma. Frames in which no face was found have ``success`` 0 and still hold numbers;
frames can be skipped, and several faces have a row each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

import fusionbench as fb

from .columns import named
from .rows import Rows, open_rows

NEEDED = ("frame", "success")
DEFAULT = {"au": "AU*_r", "gaze": "gaze_*", "pose": "pose_T?,pose_R?"}
_MOST_GAPS = 20
"""times as many frames as rows, beyond which frame numbers are not believed"""


class OpenFace(fb.Importer):
    """OpenFace 2's csv files: action units, gaze and pose of each frame, or whatever columns are named.

    The source is a folder with a file a clip, or one file. A frame without a face is missing, and so
    is one that has no row. Of several faces the one that is found in most frames is read. Labels come
    from --clips; the name of the folder that a file lies in is the label `folder`.
    """

    name = "openface"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            DEFAULT,
            description="stream -> its columns, by names and patterns: landmarks=x_*,y_*",
        )
        confidence: float = Field(0.0, ge=0, le=1, description="frames of a lower confidence are missing")

    def read(self, source: Path) -> fb.Contents:
        files = sorted(source.rglob("*.csv")) if source.is_dir() else [source]
        files = [file for file in files if not file.name.startswith(".")]
        if not files:
            raise fb.UserError(f"{source} holds no .csv file.")
        in_folders = source.is_dir() and any(file.parent != source for file in files)
        found = fb.Contents((), files, len(files), ["folder"] if in_folders else [])
        _rows(files[0])  # told before a store is begun
        found.clips = self._clips(source, files, found)
        return found

    def _clips(self, source: Path, files: list[Path], found: fb.Contents) -> Iterator[fb.SourceClip]:
        failed = gaps = frames = others = 0
        for file in files:
            with fb.reading("OpenFace's", file, "Expected is a csv file that FeatureExtraction wrote."):
                rows = _rows(file)
                groups = {
                    name: named(file, name, columns, rows.names)
                    for name, columns in self.config.streams.items()
                }
                read = _all(rows, groups)
                kept, more = _one_face(read)
                others += more
                good = (kept["success"] == 1) & (kept.get("confidence", np.ones(1)) >= self.config.confidence)
                place, time = _places(kept["frame"])
                failed, gaps, frames = failed + int((~good).sum()), gaps + time - len(place), frames + time
                streams = {}
                for name, columns in groups.items():
                    streams[name] = np.full((time, len(columns)), np.nan)
                    streams[name][place[good]] = np.stack([kept[column][good] for column in columns], axis=1)
            clip = file.relative_to(source).with_suffix("").as_posix() if file != source else file.stem
            yield fb.SourceClip(clip, streams, {"folder": file.parent.name} if found.labels else {})
        found.seen.append(
            f"no face in {failed:,}, no row for {gaps:,} of {frames:,} frames: these are missing."
        )
        if others:
            found.seen.append(f"not read: {others:,} rows of other faces than each clip's most frequent one.")


def _rows(file: Path) -> Rows:
    with fb.reading("OpenFace's", file, "Expected is a csv file that FeatureExtraction wrote."):
        rows = open_rows(file)
        if absent := [name for name in NEEDED if name not in rows.names]:
            raise fb.Unreadable(f"it has no column {absent[0]!r}")
        return rows


def _all(rows: Rows, groups: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    """The columns that count, whole."""
    extra = [name for name in ("face_id", "confidence") if name in rows.names]
    wanted = list(
        dict.fromkeys([*NEEDED, *extra, *(column for group in groups.values() for column in group)])
    )
    batches = list(rows.batches(wanted, []))
    if not sum(len(batch["frame"]) for batch in batches):
        raise fb.Unreadable("it has no row")
    return {name: np.concatenate([batch[name] for batch in batches]) for name in wanted}


def _one_face(read: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """The rows of the face that is found most often, and the number of the others."""
    if "face_id" not in read:
        return read, 0
    faces, counts = np.unique(read["face_id"][read["success"] == 1], return_counts=True)
    if len(faces) < 2 and len(np.unique(read["face_id"])) < 2:
        return read, 0
    chosen = faces[counts.argmax()] if len(faces) else read["face_id"][0]
    mine = read["face_id"] == chosen
    return {name: values[mine] for name, values in read.items()}, int((~mine).sum())


def _places(numbers: np.ndarray) -> tuple[np.ndarray, int]:
    """Where each row's frame lies between the first and the last one, and how many frames that is."""
    if not (
        np.isfinite(numbers).all() and (numbers == np.round(numbers)).all() and (np.diff(numbers) > 0).all()
    ):
        raise fb.Unreadable("its frame numbers do not rise row by row")
    time = int(numbers[-1] - numbers[0]) + 1
    if time > _MOST_GAPS * len(numbers):
        raise fb.Unreadable(f"its {len(numbers)} rows are numbered from {numbers[0]:g} to {numbers[-1]:g}")
    return (numbers - numbers[0]).astype(np.int64), time


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [OpenFace]
