"""Computational sequences of the CMU Multimodal SDK: ``.csd``, one file a stream, each with its own clock.

CMU-MultiComp-Lab/CMU-MultimodalSDK@3e27d378 ``computational_sequence/file_ops.py``: HDF5 with
``ROOT/data/VIDEO/{features (k, dim), intervals (k, 2)}``, seconds, and ``ROOT/metadata/KEY``, JSON as
a text of shape ``(1,)``. Labels are such a file too: each of its intervals is a clip. Sequences that
were aligned by the SDK have keys ``VIDEO[n]``, a clip each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

import fusionbench as fb

EXTRA = "fusionbench[exchange]"
_LABELS = ("label", "opinion")


@dataclass(frozen=True)
class _Sequence:
    """One open file."""

    path: Path
    root: str
    data: Any
    names: tuple[str, ...]
    """of the columns, where the file names them"""

    def of(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Features ``(k, dim)`` and intervals ``(k, 2)`` of one video."""
        with fb.reading("sequence", self.path, "Copy it again."):
            held = self.data[key]
            features, intervals = (np.asarray(held[part]) for part in ("features", "intervals"))
            features = features if features.ndim == 2 else features.reshape(len(features), -1)
            if features.dtype.kind not in "fiu" or intervals.shape != (len(features), 2):
                raise fb.Unreadable(
                    f"{key!r} has features {features.dtype} {features.shape}, intervals {intervals.shape}; "
                    "expected are numbers (k, dim) and (k, 2)"
                )
            order = np.argsort(intervals[:, 0], kind="stable")
            return features[order], intervals[order].astype(np.float64)


class ComputationalSequences(fb.Importer):
    """CMU Multimodal SDK's .csd files (needs the extra fusionbench[exchange]).

    The source is a folder: a file a stream, and one with the labels, each of whose intervals is a
    clip, VIDEO[n], whose subject is the video. Streams keep their own clocks, so --clock and
    --resample go with it. Splits come from --clips; without any, runs make folds.
    """

    name = "csd"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            {}, description="stream -> its file: text=CMU_MOSI_TimestampedWordVectors.csd; {} = each file"
        )
        labels: str | None = Field(
            None,
            description="file of the labels; null = the only one whose name has 'label' or 'opinion' in it",
        )

    def read(self, source: Path) -> fb.Contents:
        files = sorted(source.glob("*.csd")) if source.is_dir() else []
        if not files:
            raise fb.UserError(
                f"{source}: expected is a folder with .csd files, a stream each, and their labels."
            )
        labels = self._labels(source, files)
        others = {file.name: file for file in files if file != labels}
        chosen = self.config.streams or {file.stem: name for name, file in others.items()}
        for stream, name in chosen.items():
            if name not in others:
                raise fb.UserError(
                    f"--stream {stream}={name}: {source} has no such file. "
                    f"Files: {', '.join(others) or 'none'}."
                )
        if not chosen:
            raise fb.UserError(f"{source} has labels ({labels.name}) and no stream.")
        streams = {stream: others[name] for stream, name in chosen.items()}
        with ExitStack() as stack:
            opened = _opened(labels, stack)
            width = opened.of(next(iter(opened.data)))[0].shape[1]
            names = opened.names if len(opened.names) == width else tuple(str(k) for k in range(width))
        seen = [f"labels: {labels.name}, {', '.join(names)}; each of its intervals is a clip, VIDEO[n]."]
        found = fb.Contents((), [labels, *streams.values()], None, names, seen=seen)
        found.clips = _clips(labels, streams, found)
        return found

    def _labels(self, source: Path, files: list[Path]) -> Path:
        if self.config.labels:
            found = [file for file in files if file.name == self.config.labels]
        else:
            found = [file for file in files if any(word in file.stem.lower() for word in _LABELS)]
        if len(found) != 1:
            raise fb.UserError(
                f"{source}: {len(found)} of its files hold labels. Name one with --set importer.labels=FILE. "
                f"Files: {', '.join(file.name for file in files)}."
            )
        return found[0]


def _opened(path: Path, stack: ExitStack) -> _Sequence:
    try:
        import h5py
    except ImportError as error:
        raise fb.UserError(
            f".csd files are HDF5, which h5py reads. Install it: pip install '{EXTRA}'."
        ) from error
    with fb.reading("sequence", path, "Expected is a .csd file of the CMU Multimodal SDK."):
        held = stack.enter_context(h5py.File(stack.enter_context(fb.open_regular(path)), "r"))
        roots = [key for key in held if isinstance(held.get(key, getlink=True), h5py.HardLink)]
        if len(roots) != 1 or "data" not in held[roots[0]] or not len(held[roots[0]]["data"]):
            raise fb.Unreadable(f"its roots are {roots}; expected is one, with videos in ROOT/data")
        root = held[roots[0]]
        names = _metadata(root.get("metadata", {}), "dimension names")
        return _Sequence(
            path, roots[0], root["data"], tuple(map(str, names)) if isinstance(names, list) else ()
        )


def _metadata(metadata: Any, key: str) -> Any:
    try:
        return json.loads(metadata[key][0])
    except (KeyError, ValueError, TypeError, IndexError):
        return None


def _clips(labels: Path, streams: Mapping[str, Path], found: fb.Contents) -> Iterator[fb.SourceClip]:
    with ExitStack() as stack:
        said = _opened(labels, stack)
        opened = {stream: _opened(path, stack) for stream, path in streams.items()}
        for key in said.data:
            video = key.partition("[")[0]
            values, spans = said.of(key)
            held = {stream: _held(sequence, key, video) for stream, sequence in opened.items()}
            for n, (label, span) in enumerate(zip(values, spans, strict=True)):
                clip = key if "[" in key else f"{key}[{n}]"
                cut = {stream: _within(frames, *span) for stream, frames in held.items() if frames}
                absent = [stream for stream in streams if stream not in cut or not len(cut[stream][0])]
                if absent:
                    found.left_out.append(fb.Problem(clip, f"{absent[0]} has no frame of it"))
                    continue
                yield fb.SourceClip(
                    clip,
                    {stream: frames for stream, (frames, _) in cut.items()},
                    {name: float(value) for name, value in zip(found.labels, label, strict=True)},
                    subject=video,
                    intervals={stream: times for stream, (_, times) in cut.items()},
                )


def _held(sequence: _Sequence, key: str, video: str) -> tuple[np.ndarray, np.ndarray] | None:
    found = next((name for name in (key, video) if name in sequence.data), None)
    return None if found is None else sequence.of(found)


def _within(frames: tuple[np.ndarray, np.ndarray], begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """The frames that overlap a span."""
    values, times = frames
    inside = (times[:, 0] < end) & (times[:, 1] > begin)
    return values[inside], times[inside]


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [ComputationalSequences]
