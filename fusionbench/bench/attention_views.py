"""From what a head explains to what can be drawn: maps of target by source, and weights along an axis."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusionbench.contract.errors import UserError

_TOKEN = ("token and targets", "token and sources")
_PAIR = ("target", "source")


@dataclass(frozen=True)
class View:
    """One array that a head gave, of one clip, averaged over attention heads."""

    name: str
    maps: Mapping[str, np.ndarray]
    """what reads what -> ``(targets, sources)``; empty where the array is no attention between frames"""
    lines: Mapping[str, np.ndarray]
    """what reads -> ``(positions,)``; empty where all is in ``maps``"""
    along: str = ""
    """the axis of ``lines``"""
    frames: bool = True
    """whether the maps are of the clip's frames, not of those within a part of it"""


def views(found: Mapping[str, tuple[Sequence[str], Any]], streams: Sequence[str], time: int) -> list[View]:
    """The first clip of what ``FusionHead.explain`` returned; of several layers the last.

    Args:
        found: name -> axes and array, with the axes that ``explain`` documents.
        streams: names, in their order.
        time: frames of the clip.

    Raises:
        UserError: an array does not have the axes it names.
    """
    last = {re.sub(r"\blayer \d+", "layer", name): name for name in found}
    return [_view(name, *found[name], streams, time) for name in last.values()]


def _view(name: str, axes: Sequence[str], array: Any, streams: Sequence[str], time: int) -> View:
    weights, names = np.asarray(array, dtype=np.float64), list(axes)
    if len(names) != weights.ndim or names[:1] != ["batch"]:
        raise UserError(
            f"explain() gave {name!r} of shape {weights.shape} with the axes {', '.join(names)}. "
            "One name an axis, batch first: `fusionbench check fusion` says what a head's explain() returns."
        )
    weights, names = weights[0], names[1:]
    if "head" in names:
        weights = weights.mean(axis=names.index("head"))
        names.remove("head")
    if tuple(names[-2:]) == _TOKEN:
        return View(name, {"frames": weights[..., 1:, 1:]}, {"class token": weights[..., 0, 1:]}, "frame")
    if tuple(names[-2:]) == _PAIR:
        maps = _maps(name, weights, names[:-2], streams, time)
        own = {"stream"}.issuperset(names[:-2]) and all(w.shape == (time, time) for w in maps.values())
        return View(name, maps, {}, frames=own)
    along = {"time": "frame"}.get(names[-1], names[-1])
    return View(name, {}, _labelled(weights, names[:-1], streams) or {name: weights}, along)


def _maps(
    name: str, weights: np.ndarray, names: Sequence[str], streams: Sequence[str], time: int
) -> dict[str, np.ndarray]:
    """One map an index of what stands before target and source; nodes of several streams part into pairs."""
    if names:
        return _labelled(weights, names, streams)
    if weights.shape != (len(streams) * time,) * 2 or len(streams) == 1:
        return {re.sub(r"^(layer|block) \d+, ", "", name): weights}
    parted = weights.reshape(len(streams), time, len(streams), time)
    return {
        f"{target} reads {source}": parted[i, :, j]
        for (i, target), (j, source) in itertools.product(enumerate(streams), repeat=2)
    }


def _labelled(weights: np.ndarray, names: Sequence[str], streams: Sequence[str]) -> dict[str, np.ndarray]:
    """The first axes as labels: streams by name, all else counted from 1."""
    if not names:
        return {}
    labels = {}
    for place in itertools.product(*map(range, weights.shape[: len(names)])):
        words = [
            streams[k] if "stream" in axis and k < len(streams) else f"{axis} {k + 1}"
            for axis, k in zip(names, place, strict=True)
        ]
        joined = " reads ".join(words) if "source stream" in names else ", ".join(words)
        labels[joined] = weights[place]
    return labels


def most_read(found: Sequence[View], time: int) -> int:
    """The frame that most attention falls on, over all views; the middle one where none is of frames."""
    total = np.zeros(time)
    for view in found:
        for weights in view.maps.values() if view.frames else ():
            total += weights.mean(axis=0)
        for line in view.lines.values():
            if view.along == "frame" and len(line) == time:
                total += line
    return int(total.argmax()) if total.any() else time // 2
