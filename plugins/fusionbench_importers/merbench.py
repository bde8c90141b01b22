"""MERBench's folders: a feature a folder, a clip a file, and labels in an archive of dicts.

zeroQiaoba/MERTools@fb8dda0e ``MERBench/toolkit``: ``features/FEATURE/NAME.npy`` ``(dim,)`` or ``(time,
dim)``, or ``features/FEATURE/NAME/*.npy``, a frame a file (``utils/read_data.py``); ``label*.npz`` holds
``train_corpus``, ``val_corpus``, ``test_corpus`` (``test1_corpus``, ...) or ``whole_corpus``, each a
pickled dict ``NAME -> {emo, val}`` (``preprocess``), -10 where there is no ``val``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

import fusionbench as fb

NO_VALENCE = -10
_LARGEST = 1_000_000_000


class MERBench(fb.Importer):
    """MERBench's folders of features (.npy) with their label.npz.

    The source is the folder of a set: its feature folders, in `features` or beside the labels, and
    label*.npz. Each feature folder is a stream, unless --stream names some. A clip whose features are
    not there is left out. `whole_corpus` has no parts: runs make folds, or --clips brings some.
    """

    name = "merbench"

    class Config(fb.Config):
        """Options."""

        streams: dict[str, str] = Field(
            {}, description="stream -> its feature folder: audio=chinese-hubert-large-FRA; {} = each folder"
        )
        labels: str | None = Field(
            None, description="name of the archive of labels; null = the only label*.npz"
        )

    def read(self, source: Path) -> fb.Contents:
        archive = self._archive(source)
        corpora = _corpora(archive)
        root = source / "features" if (source / "features").is_dir() else source
        folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
        streams = self.config.streams or {re.sub(r"[^\w-]+", "-", name): name for name in folders}
        for stream, folder in streams.items():
            if folder not in folders:
                raise fb.UserError(
                    f"--stream {stream}={folder}: {root} has no such folder. "
                    f"Folders: {', '.join(folders) or 'none'}."
                )
        if not streams:
            raise fb.UserError(f"{root} has no folder of features.")
        emotions = {entry.get("emo") for corpus in corpora.values() for entry in corpus.values()}
        labels = ["emo", "val"] if len(emotions) > 1 else ["val", "emo"]
        found = fb.Contents((), [archive], sum(map(len, corpora.values())), labels, "val")
        places = {stream: root / folder for stream, folder in streams.items()}
        clips = [name for corpus in corpora.values() for name in corpus]
        found.files = [
            archive,
            *(f for name in clips for place in places.values() for f in _files(place, name)),
        ]
        found.clips = _clips(corpora, places, found)
        return found

    def _archive(self, source: Path) -> Path:
        found = sorted(source.glob(self.config.labels or "label*.npz")) if source.is_dir() else []
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise fb.UserError(
                f"{source}: expected is a folder with one label*.npz; found {names}. "
                "Choose with --set importer.labels=NAME."
            )
        return found[0]


def _corpora(archive: Path) -> dict[str | None, dict[str, Mapping[str, Any]]]:
    """Split (None: not parted) -> clip -> its labels."""
    found: dict[str | None, dict[str, Mapping[str, Any]]] = {}
    for name, corpus in fb.read_npz(archive, objects=True).items():
        part = name.removesuffix("_corpus")
        split = None if part == "whole" else fb.stored_split(part)
        if name == part or (split is None and part != "whole"):
            raise fb.UserError(
                f"{archive}: {name!r} is no part; expected are train_corpus, val_corpus, test_corpus."
            )
        if not isinstance(corpus, dict) or not all(isinstance(entry, dict) for entry in corpus.values()):
            raise fb.UserError(f"{archive}: {name!r} is no dict of clips with their labels.")
        found[split] = {str(clip): entry for clip, entry in corpus.items()}
    return found


def _files(place: Path, name: str) -> list[Path]:
    """The files of one clip in one feature folder; none where it has none."""
    if Path(name).name != name:
        raise fb.UserError(f"clip {name!r} is named like a path; nothing outside of {place} is read.")
    single = place / f"{name}.npy"
    if single.is_file():
        return [single]
    frames = (place / name).glob("*.npy") if (place / name).is_dir() else ()
    return sorted(frames, key=lambda file: fb.natural_key(file.name))


def _clips(
    corpora: Mapping[str | None, Mapping[str, Mapping[str, Any]]],
    places: Mapping[str, Path],
    found: fb.Contents,
) -> Iterator[fb.SourceClip]:
    for split, corpus in corpora.items():
        for name, entry in corpus.items():
            files = {stream: _files(place, name) for stream, place in places.items()}
            absent = [stream for stream, listed in files.items() if not listed]
            if absent:
                found.left_out.append(fb.Problem(name, f"{absent[0]} has no features of it"))
                continue
            labels = {key: None if value in ("", NO_VALENCE) else value for key, value in entry.items()}
            streams = {stream: _features(listed) for stream, listed in files.items()}
            yield fb.SourceClip(name, streams, labels, split)


def _features(files: list[Path]) -> np.ndarray:
    """``(time, dim)``: a file, or a file a frame."""
    frames = [_array(file) for file in files]
    if len({frame.shape[1] for frame in frames}) > 1:
        raise fb.UserError(f"{files[0].parent}: its frames are of different widths.")
    return np.concatenate(frames)


def _array(file: Path) -> np.ndarray:
    with fb.reading("features", file, "Expected is a .npy file of numbers (dim,) or (time, dim)."):
        array = np.load(io.BytesIO(fb.read_regular(file, _LARGEST)), allow_pickle=False)
        flat = array.reshape([n for n in array.shape if n != 1] or [1]) if array.ndim != 2 else array
        if flat.ndim not in (1, 2) or array.dtype.kind not in "fiub":
            raise fb.Unreadable(f"it holds {array.dtype} {array.shape}")
        return flat if flat.ndim == 2 else flat[None]


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [MERBench]
