"""Pickles of padded arrays, a dict for each split: what MMSA's and MultiBench's files share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb

STREAMS = ("text", "audio", "vision")
TOKENS = "text_bert"
"""token ids, mask and segments: a network's input, no features"""
FORM = "Expected is a dict with train, valid and test, each a dict of arrays"


@dataclass(frozen=True)
class Part:
    """One split: its arrays ``(clips, time, dim)``, and what is known of each clip."""

    name: str
    """as the store calls it"""
    streams: Mapping[str, np.ndarray]
    ids: Sequence[str]
    subjects: Sequence[str | None]
    labels: Mapping[str, Sequence[Any]]


def contents(
    path: Path,
    chosen: Mapping[str, str],
    labels_of: Callable[[Mapping[str, Any]], list[str]],
    scale: str,
) -> fb.Contents:
    """What such a pickle holds.

    Args:
        path: the file.
        chosen: stream -> key of its array; empty = those of ``STREAMS`` that are there.
        labels_of: keys of a split -> those that are labels, the default first.
        scale: the label on a scale.
    """
    held = fb.read_pickle(path)
    splits = held if isinstance(held, dict) and all(isinstance(part, dict) for part in held.values()) else {}
    if not splits:
        raise fb.UserError(f"{path} holds a {type(held).__name__}, not parts of clips. {FORM}.")
    unknown = [str(name) for name in splits if not fb.stored_split(str(name))]
    if unknown:
        raise fb.UserError(f"{path}: {unknown[0]!r} is no split. {FORM}.")
    first = next(iter(splits.values()))
    keys = dict(chosen) or {name: name for name in STREAMS if name in first}
    if not keys:
        raise fb.UserError(f"{path} has none of {', '.join(STREAMS)}. It has {_listed(first)}.")
    labels = labels_of(first)
    parts = [_part(path, str(name), part, keys, labels) for name, part in splits.items()]
    names = list(parts[0].labels)
    used = {*keys.values(), *labels, "id"}
    made = sum(bool(part) and "id" not in part for part in splits.values())
    seen = [f"not read: {', '.join(unread)}."] if (unread := [str(k) for k in first if k not in used]) else []
    if made:
        seen.append(f"{made} part(s) name no clip (no key 'id'); ids are made of the split and the number.")
    doubled = sum(len(part.ids) - len(set(part.ids)) for part in parts)
    if doubled:
        seen.append(f"{doubled:,} id(s) come twice in a part; '#2', '#3', ... is added to them.")
    total = sum(len(part.ids) for part in parts)
    on_scale = scale if scale in names else None
    return fb.Contents(_clips(parts), [path], total, names, on_scale, padded=True, seen=seen)


def _part(path: Path, name: str, part: Mapping[str, Any], keys: Mapping[str, str], labels: list[str]) -> Part:
    where = f"{path}, {name}"
    streams = {stream: _features(where, part, key) for stream, key in keys.items()}
    counts = {key: len(streams[stream]) for stream, key in keys.items()}
    read = {key: np.asarray(part[key]) for key in labels if key in part}
    counts |= {key: len(array) if array.ndim else 0 for key, array in read.items()}
    ids, subjects = _names(part, name, next(iter(counts.values())))
    counts["id"] = len(ids)
    if len(set(counts.values())) > 1:
        raise fb.UserError(f"{where}: its arrays are of different numbers of clips: {counts}.")
    columns: dict[str, Sequence[Any]] = {}
    for key, array in read.items():
        flat = array.reshape(len(array), -1)
        one = flat.shape[1] == 1
        columns |= {key if one else f"{key}.{k}": flat[:, k].tolist() for k in range(flat.shape[1])}
    return Part(fb.stored_split(name) or name, streams, ids, subjects, columns)


def _features(where: str, part: Mapping[str, Any], key: str) -> np.ndarray:
    if key == TOKENS:
        raise fb.UserError(
            f"{where}: {TOKENS!r} holds token ids, which are no features. Read 'text' instead."
        )
    if key not in part:
        raise fb.UserError(f"{where} has no {key!r}. It has {_listed(part)}.")
    array = part[key]
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3) or array.dtype.kind not in "fiu":
        came = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise fb.UserError(
            f"{where}: {key!r} is {came}; expected numbers (clips, time, dim) or (clips, dim)."
        )
    return array if array.ndim == 3 else array[:, None]


def _names(part: Mapping[str, Any], split: str, count: int) -> tuple[list[str], list[str | None]]:
    """Ids, and whom each clip shows: its video.

    Ids are ``VIDEO$_$CLIP``, ``VIDEO[CLIP]`` or rows of video, start and end.
    """
    if "id" not in part:
        return [f"{k:05d}" for k in range(count)], [None] * count
    ids = np.asarray(part["id"])
    if ids.ndim == 2 and ids.shape[1] == 3:
        rows = [[_text(item) for item in row] for row in ids.tolist()]
        return [f"{video}[{start}-{end}]" for video, start, end in rows], [row[0] for row in rows]
    names = [_text(name) for name in ids.reshape(-1).tolist()]
    return names, [_video(name) for name in names]


def _video(name: str) -> str | None:
    for mark in ("$_$", "["):
        video, found, _ = name.partition(mark)
        if found and video:
            return video
    return None


def _text(value: Any) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _clips(parts: Sequence[Part]) -> Iterator[fb.SourceClip]:
    for part in parts:
        times: Counter[str] = Counter()
        for k, name in enumerate(part.ids):
            times[name] += 1
            again = f"#{times[name]}" if times[name] > 1 else ""
            yield fb.SourceClip(
                f"{part.name}/{name}{again}",  # some files count anew in each split
                {stream: array[k] for stream, array in part.streams.items()},
                {label: values[k] for label, values in part.labels.items()},
                part.name,
                part.subjects[k],
            )


def _listed(part: Mapping[str, Any]) -> str:
    return ", ".join(map(str, part)) or "nothing"
