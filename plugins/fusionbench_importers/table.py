"""Tables of one's own: one row a frame, with a column that names its clip."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

import fusionbench as fb

from .columns import named, overlapping
from .rows import Rows, open_rows

CLIP = ("clip", "id", "clip_id", "name", "video")
SUBJECT = ("subject", "speaker", "actor", "person", "participant")
TIME = ("time", "timestamp", "frame")
_NUMBERED = re.compile(r"(\w+?)[._:](\d+)")
"""``audio_0``, ``face.12``: the stream and the channel"""


@dataclass(frozen=True)
class _Columns:
    """What each column is."""

    clip: str
    own: Mapping[str, str]
    """``split``, ``subject``, ``time`` -> column, for those that are there"""
    labels: Sequence[str]
    streams: Mapping[str, Sequence[str]]


class FrameTable(fb.Importer):
    """Tables (csv, tsv, parquet) with one row a frame, in the order of time.

    The columns: the clip (clip, id, ...), perhaps split, subject and time, the streams' numbers, and
    whatever is left are labels, the same in every row of a clip. The rows of a clip stand together.
    Without --stream, columns named STREAM_0, STREAM_1, ... are a stream.
    """

    name = "table"

    class Config(fb.Config):
        """Options."""

        clip: str | None = Field(
            None, description=f"column that names the clip; null = one of {', '.join(CLIP)}"
        )
        streams: dict[str, str] = Field(
            {},
            description="stream -> its columns, by names and patterns: audio=f0,mfcc*; {} = by their names",
        )

    def read(self, source: Path) -> fb.Contents:
        with fb.reading("table", source, "Expected is a .csv, .tsv or .parquet file with one row a frame."):
            rows = open_rows(source)
            columns = self._columns(rows)
        seen = overlapping(columns.streams)
        if not self.config.streams:
            seen.append(f"streams are made of columns by their names: {', '.join(columns.streams)}.")
        return fb.Contents(_clips(rows, columns), [source], None, columns.labels, seen=seen)

    def _columns(self, rows: Rows) -> _Columns:
        names = rows.names
        clip = _first(names, [self.config.clip] if self.config.clip else CLIP)
        if clip is None:
            wanted = self.config.clip or ", ".join(CLIP)
            raise fb.Unreadable(
                f"no column names the clip ({wanted}). Name it with --set importer.clip=COLUMN. "
                f"Columns: {', '.join(names[:20])}"
            )
        known = {
            "split": _first(names, ("split",)),
            "subject": _first(names, SUBJECT),
            "time": _first(names, TIME),
        }
        own = {what: column for what, column in known.items() if column}
        free = [name for name in names if name and name != clip and name not in own.values()]
        streams: dict[str, list[str]] = {}
        for stream, patterns in self.config.streams.items():
            streams[stream] = named(rows.path, stream, patterns, free)
        if not self.config.streams:
            for name in free:
                if found := _NUMBERED.fullmatch(name):
                    streams.setdefault(found[1], []).append(name)
        if not streams:
            raise fb.Unreadable(
                "no columns are called STREAM_0, STREAM_1, ... Say which make a stream with "
                f"--stream NAME=COLUMN,COLUMN. Columns: {', '.join(free[:20])}"
            )
        used = {column for columns in streams.values() for column in columns}
        labels = sorted((name for name in free if name not in used), key=lambda name: name != "label")
        return _Columns(clip, own, labels, streams)


def _first(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name.lower()] for name in wanted if name.lower() in lower), None)


def _clips(rows: Rows, columns: _Columns) -> Iterator[fb.SourceClip]:
    """Runs of rows of one clip, however batches cut them."""
    numbers = list(dict.fromkeys(c for group in columns.streams.values() for c in group))
    texts = list(dict.fromkeys([columns.clip, *columns.own.values(), *columns.labels]))
    held: list[Mapping[str, np.ndarray]] = []
    seen: set[str] = set()
    for batch in rows.batches(numbers, texts):
        clips = batch[columns.clip]
        if any(clip is None for clip in clips):
            raise fb.UserError(
                f"{rows.path}: a row has nothing in column {columns.clip!r}, which names its clip."
            )
        edges = np.flatnonzero(clips[1:] != clips[:-1]) + 1
        for first, last in zip([0, *edges], [*edges, len(clips)], strict=True):
            run = {name: values[first:last] for name, values in batch.items()}
            if held and held[-1][columns.clip][0] != run[columns.clip][0]:
                yield _clip(rows, columns, held, seen)
                held = []
            held.append(run)
    if held:
        yield _clip(rows, columns, held, seen)


def _clip(
    rows: Rows, columns: _Columns, runs: list[Mapping[str, np.ndarray]], seen: set[str]
) -> fb.SourceClip:
    values = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    clip = str(values[columns.clip][0])
    if clip in seen:
        raise fb.UserError(
            f"{rows.path}: the rows of clip {clip!r} do not stand together. Sort them by clip."
        )
    seen.add(clip)

    def same(column: str) -> Any:
        different = set(values[column].tolist())
        if len(different) > 1:
            raise fb.UserError(
                f"{rows.path}: clip {clip!r} has {len(different)} values in column {column!r}; a label, a "
                "split and a subject are the same in all its rows. Name a stream's columns with --stream."
            )
        return _number_or_text(different.pop())

    if "time" in columns.own:
        _check_order(rows, clip, columns.own["time"], values[columns.own["time"]])
    own = {what: same(columns.own[what]) for what in ("split", "subject") if what in columns.own}
    streams = {
        stream: np.stack([values[name] for name in names], axis=1)
        for stream, names in columns.streams.items()
    }
    labels = {name: same(name) for name in columns.labels}
    texts = {what: None if value is None else str(value) for what, value in own.items()}
    return fb.SourceClip(clip, streams, labels, texts.get("split"), texts.get("subject"))


def _check_order(rows: Rows, clip: str, column: str, times: np.ndarray) -> None:
    try:
        late = np.flatnonzero(np.diff(times.astype(np.float64)) < 0)
    except (TypeError, ValueError):
        return  # not a number: a time of day, or nothing
    if len(late):
        raise fb.UserError(
            f"{rows.path}: clip {clip!r}, frame {int(late[0]) + 1} is earlier than the frame before it, by "
            f"column {column!r}. Sort its rows by time."
        )


def _number_or_text(value: str | None) -> Any:
    """Texts stay as they are written, but for numbers on a scale."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return value
    return value if value.strip().lstrip("+-").isdecimal() else number


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [FrameTable]
