"""Arrays of one's own: an ``.npz`` archive, or a folder of ``.npy`` files, one row a clip in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

import fusionbench as fb

from .columns import numbered

ID = ("id", "ids", "clip", "name")
LABEL = ("label", "labels", "y", "emotion")
SPLIT = ("split", "part")
SUBJECT = ("subject", "subjects", "actor", "speaker", "person")


@dataclass(frozen=True)
class _Known:
    """What is known of each clip: name of the array, or None."""

    id: str | None
    split: str | None
    subject: str | None
    lengths: Mapping[str, str]
    """stream -> array of its clips' lengths"""
    labels: Sequence[str]


class Arrays(fb.Importer):
    """Arrays (.npz, or a folder of .npy): streams (clips, time, dim) or (clips, dim), labels (clips,).

    Beside them id, split and subject, and `lengths` or `STREAM_lengths` where clips are padded;
    without lengths, frames of zeros at the ends are padding. Labels are the other arrays of one value
    a clip. Arrays of Python objects are refused.
    """

    name = "npz"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            {},
            description="stream -> array, or ARRAY:CHANNELS as in x:0-2; {} = each of two or three axes",
        )

    def read(self, source: Path) -> fb.Contents:
        arrays, files = _arrays(source)
        groups = self.config.streams or {
            name: name
            for name, array in arrays.items()
            if array.ndim in (2, 3) and array.dtype.kind in "fiub"
        }
        streams = {stream: _stream(source, arrays, stream, said) for stream, said in groups.items()}
        counts = {name: len(values) for name, values in streams.items()}
        if len(set(counts.values())) != 1:
            raise fb.UserError(
                f"{source}: its streams are of {counts or 'no'} clips. Choose with --stream NAME=ARRAY. "
                f"Arrays: {', '.join(f'{name} {array.shape}' for name, array in arrays.items())}."
            )
        count = next(iter(counts.values()))
        _refuse_other_counts(source, arrays, list(streams), count)
        known = _known(arrays, count, list(streams))
        used = {said.partition(":")[0] for said in groups.values()}
        used |= {known.id, known.split, known.subject, *known.lengths.values(), *known.labels}  # type: ignore[arg-type]
        unread = [f"{name} {array.shape}" for name, array in arrays.items() if name not in used]
        seen = [f"not read: {', '.join(unread)}."] if unread else []
        if known.id is None:
            seen.append(f"no array names the clips ({', '.join(ID)}); ids are made of the row.")
        clips = _clips(source, arrays, streams, known, count)
        return fb.Contents(clips, files, count, known.labels, padded=not known.lengths, seen=seen)


def _arrays(source: Path) -> tuple[dict[str, np.ndarray], list[Path]]:
    if not source.is_dir():
        return fb.read_npz(source), [source]
    files = sorted(source.glob("*.npy"))
    if not files:
        raise fb.UserError(f"{source} holds no .npy file.")
    found = {}
    for file in files:
        with fb.reading("array", file, "Expected is a .npy file of numbers or texts, without objects."):
            fb.open_regular(file).close()
            found[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False)
    return found, files


def _stream(source: Path, arrays: Mapping[str, np.ndarray], stream: str, said: str) -> np.ndarray:
    """``(clips, time, dim)``."""
    name, _, ranges = said.partition(":")
    if name not in arrays:
        raise fb.UserError(
            f"--stream {stream}={said}: {source} has no array {name!r}. Arrays: {', '.join(arrays)}."
        )
    array = arrays[name]
    if array.ndim not in (2, 3) or array.dtype.kind not in "fiub":
        raise fb.UserError(
            f"{source}: array {name!r} is {array.dtype} {array.shape}; a stream is numbers "
            "(clips, time, dim) or (clips, dim)."
        )
    array = array if array.ndim == 3 else array[:, None]
    return array[:, :, numbered(source, stream, ranges, array.shape[2])] if ranges else array


def _refuse_other_counts(
    source: Path, arrays: Mapping[str, np.ndarray], streams: list[str], count: int
) -> None:
    """An array that by its name is about clips holds one value for each."""
    lengths = [name for stream in streams for name in _lengths_of(stream)]
    for name in (*ID, *LABEL, *SPLIT, *SUBJECT, *lengths):
        if name in arrays and arrays[name].ndim == 1 and len(arrays[name]) != count:
            raise fb.UserError(
                f"{source}: array {name!r} holds {len(arrays[name])} values; there are {count} clips. "
                "Give it one value a clip, or another name."
            )


def _lengths_of(stream: str) -> tuple[str, ...]:
    """Names of an array with the lengths of a stream's clips, the first one counts."""
    return f"{stream}_lengths", f"{stream}_length", "lengths", "length"


def _known(arrays: Mapping[str, np.ndarray], count: int, streams: list[str]) -> _Known:
    flat = [name for name, array in arrays.items() if array.shape in ((count,), (count, 1))]

    def first(names: Sequence[str]) -> str | None:
        return next((name for name in names if name in flat), None)

    ids, split, subject = first(ID), first(SPLIT), first(SUBJECT)
    lengths = {s: name for s in streams if (name := first(_lengths_of(s)))}
    taken = {ids, split, subject, *lengths.values()}
    others = [name for name in flat if name not in taken and name not in streams]
    return _Known(
        ids, split, subject, lengths, sorted(others, key=lambda n: LABEL.index(n) if n in LABEL else 99)
    )


def _clips(
    source: Path,
    arrays: Mapping[str, np.ndarray],
    streams: Mapping[str, np.ndarray],
    known: _Known,
    count: int,
) -> Iterator[fb.SourceClip]:
    def value(name: str | None, k: int) -> Any:
        return None if name is None else arrays[name].reshape(-1)[k].item()

    def text(name: str | None, k: int) -> str | None:
        found = value(name, k)
        return (
            found.decode("utf-8", "replace")
            if isinstance(found, bytes)
            else None
            if found is None
            else str(found)
        )

    for k in range(count):
        clip = text(known.id, k) or f"{k:06d}"
        read = {}
        for stream, values in streams.items():
            length = value(known.lengths.get(stream), k)
            if length is not None and not (float(length).is_integer() and 0 <= length <= values.shape[1]):
                raise fb.UserError(
                    f"{source}: clip {clip!r}, stream {stream!r} has length {length}; its array holds "
                    f"{values.shape[1]} frames."
                )
            read[stream] = values[k] if length is None else values[k, : int(length)]
        labels = {name: value(name, k) for name in known.labels}
        yield fb.SourceClip(clip, read, labels, text(known.split, k), text(known.subject, k))


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [Arrays]
