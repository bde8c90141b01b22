"""What a store of streams holds: per stream its width, range and dead channels; classes, people, parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.bench.verify import PartSize, part_sizes
from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError, nearest
from fusionbench.data.findings import listed
from fusionbench.data.labels import in_order
from fusionbench.data.store import Store
from fusionbench.data.stream_store import open_stream_store


@dataclass(frozen=True)
class StreamContents:
    """One stream over all clips."""

    name: str
    width: int
    low: float
    """the least number that is finite, as are those below"""
    high: float
    mean: float
    deviation: float
    constant: list[int]
    """channels of one value throughout, but not of zero"""
    zero: list[int]
    """channels that are zero throughout: missing"""
    not_finite: list[int]
    """channels with NaN or infinities"""
    silent_clips: int
    """clips in which the whole stream is zero"""


@dataclass(frozen=True)
class Contents:
    """What is inside a store."""

    path: str
    stand_in: bool
    content_hash: str
    clips: int
    steps: int
    """of all clips"""
    shortest: int
    """steps of a clip, as are those below"""
    median: float
    longest: int
    labelled: str
    """``clips``, or ``steps`` where those are labelled one by one"""
    unjudged: int
    """steps that nobody judged, where steps are labelled"""
    streams: tuple[StreamContents, ...]
    parts: tuple[PartSize, ...]
    subjects: dict[str, int]
    """who is seen -> clips; empty where no clip names anybody"""

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class ClipContents:
    """One clip of a store."""

    clip: Clip
    streams: Mapping[str, np.ndarray]
    """name -> ``(time, dim)``"""
    stand_in: bool

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it: what is known of the clip, and each stream's range a channel."""
        about = {key: value for key, value in asdict(self.clip).items() if key not in ("files", "labels")}
        return {
            **about,
            "stand_in": self.stand_in,
            **({"labels": list(self.clip.labels)} if self.clip.labels else {}),
            "streams": {
                name: {
                    "shape": list(values.shape),
                    "low": values.min(axis=0).tolist(),
                    "high": values.max(axis=0).tolist(),
                }
                for name, values in self.streams.items()
            },
        }


def contents(path: Path) -> Contents:
    """Look through a store, clip by clip.

    Raises:
        UserError: there is no store of streams.
    """
    store = open_stream_store(path)
    clips, rows = store.index.clips, store.index.rows
    framed = any(clip.labels for clip in clips)
    judged = sum(len(clip.judged) for clip in clips)
    people = Counter(clip.subject for clip in clips if clip.subject)
    return Contents(
        path=str(path),
        stand_in=store.stand_in,
        content_hash=store.content_hash,
        clips=len(clips),
        steps=store.total_rows,
        shortest=int(rows.min()),
        median=float(np.median(rows)),
        longest=int(rows.max()),
        labelled="steps" if framed else "clips",
        unjudged=store.total_rows - judged if framed else 0,
        streams=tuple(_stream(store, name) for name in store.arrays),
        parts=part_sizes(clips),
        subjects={name: people[name] for name in in_order(people)},
    )


def clip_contents(path: Path, clip_id: str) -> ClipContents:
    """One clip's streams.

    Raises:
        UserError: there is no store of streams, or no such clip in it.
    """
    store = open_stream_store(path)
    place = store.index.position.get(clip_id)
    if place is None:
        ids = list(store.index.position)
        near = nearest(clip_id, ids)
        raise UserError(f"no clip {clip_id!r} in {path}.{near} It holds {len(ids)}: {listed(ids)}.")
    rows = _rows(store, place)
    streams = {name: np.asarray(array[rows]) for name, array in store.arrays.items()}
    return ClipContents(store.index.clips[place], streams, store.stand_in)


def _rows(store: Store, place: int) -> slice:
    first = int(store.index.first_row[place])
    return slice(first, first + int(store.index.rows[place]))


def _stream(store: Store, name: str) -> StreamContents:
    """Extremes and moments in one pass; what is not finite is counted and left out of them."""
    array = store.arrays[name]
    width = array.shape[1]
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    finite = np.ones(width, dtype=bool)
    mean, squares, count, silent = 0.0, 0.0, 0, 0
    for place in range(len(store.index.clips)):
        values = np.asarray(array[_rows(store, place)], dtype=np.float64)
        usable = np.isfinite(values)
        finite &= usable.all(axis=0)
        low = np.minimum(low, np.where(usable, values, np.inf).min(axis=0))
        high = np.maximum(high, np.where(usable, values, -np.inf).max(axis=0))
        silent += not values.any()
        kept = values[usable]
        if kept.size:
            # Chan, Golub and LeVeque (1983): no difference of large sums, whatever the offset
            mine, share = float(kept.mean()), kept.size / (count + kept.size)
            squares += float(((kept - mine) ** 2).sum()) + (mine - mean) ** 2 * share * count
            mean, count = mean + (mine - mean) * share, count + kept.size
    still = finite & (low == high)
    return StreamContents(
        name=name,
        width=width,
        low=float(low.min()),
        high=float(high.max()),
        mean=mean,
        deviation=float(np.sqrt(squares / count)) if count else 0.0,
        constant=np.flatnonzero(still & (low != 0)).tolist(),
        zero=np.flatnonzero(still & (low == 0)).tolist(),
        not_finite=np.flatnonzero(~finite).tolist(),
        silent_clips=silent,
    )
