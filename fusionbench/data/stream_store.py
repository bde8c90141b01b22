"""Features of any origin as a stream store: checked clip by clip as they come, never all in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError, nearest
from fusionbench.data.place import writes_to
from fusionbench.data.store import Store, open_store
from fusionbench.data.store_format import kind_of
from fusionbench.data.store_writer import StoreWriter, writing

KIND: Final = "streams"
SPLITS = {"train": "train", "report": "report", "test": "report", "val": "report"}
"""split as it may be given -> split as it is stored"""
_NEEDED = ("id", "label", "split", "streams")
_ALLOWED = (*_NEEDED, "subject")


def write_stream_store(
    path: str | os.PathLike[str], clips: Iterable[Mapping[str, Any]], *, stand_in: bool = False
) -> None:
    """Write features as a store that ``--dataset streams --data-root PATH`` runs on.

    Clips are checked and written one by one, so ``clips`` may be a generator over
    more than fits in memory. The store appears when the last clip is written; an
    error leaves whatever was at ``path`` before.

    Args:
        path: folder to write; a stream store that is there already is replaced.
        clips: mappings with the keys

            * ``id``: unique name,
            * ``label``: class name,
            * ``split``: ``train``, or ``report`` (``test`` and ``val`` are read as ``report``),
            * ``streams``: name -> ``(time, dim)`` numbers; the streams of a clip have the
              same time, clips may differ in it; stored as float32, in the first clip's order,
            * ``subject`` (optional): who is seen; keeps the clips of one person together.
        stand_in: True where the features were made from generated data.

    Raises:
        UserError: a clip is malformed (NaN, ragged, unknown split, an id twice, ...), a split
            is empty, a label is never seen in train, or ``path`` holds something else.
    """
    folder = Path(path).expanduser().absolute()
    with writes_to(folder):
        _refuse_foreign(folder)
    with writing(folder, KIND) as writer:
        splits = _Splits()
        dims: dict[str, int] = {}
        for number, given in enumerate(clips):
            clip = _clip(given, number)
            streams = _streams(clip.id, given["streams"])
            dims = dims or {name: stream.shape[1] for name, stream in streams.items()}
            splits.add(clip)
            _append(writer, clip, streams, dims)
        splits.check()
        writer.finish({"source": "write_stream_store"}, stand_in)


def open_stream_store(path: str | os.PathLike[str]) -> Store:
    """Open what ``write_stream_store`` wrote; the streams stay on disk until they are read.

    Raises:
        UserError: there is no store, or one of another kind.
    """
    store = open_store(Path(path).expanduser())
    if store.kind != KIND:
        raise UserError(
            f"{path} is a store of {store.kind}, not of streams. Give a folder that write_stream_store wrote."
        )
    return store


def train_labels(store: Store) -> tuple[str, ...]:
    """The classes of a stream store: the labels of its training clips, sorted."""
    return tuple(sorted({clip.label for clip in store.index.clips if clip.split == "train"}))


def _refuse_foreign(folder: Path) -> None:
    """Only a stream store or an empty folder may be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if kind_of(folder) != KIND:  # a damaged one may be written again
        raise UserError(f"{folder} exists and is no stream store. Nothing was written; name a new folder.")


def _clip(given: Mapping[str, Any], number: int) -> Clip:
    """The index entry of clip ``number`` (from 0)."""
    who = f"clip number {number + 1}"
    if not isinstance(given, Mapping):
        raise UserError(f"{who} is a {type(given).__name__}; give a mapping with {', '.join(_NEEDED)}.")
    missing = [key for key in _NEEDED if key not in given]
    if missing:
        raise UserError(
            f"{who} lacks {', '.join(missing)}; it has {', '.join(map(str, given)) or 'nothing'}."
        )
    foreign = [str(key) for key in given if key not in _ALLOWED]
    if foreign:
        raise UserError(
            f"{who}: unknown key {foreign[0]!r}.{nearest(foreign[0], _ALLOWED)} "
            f"Keys: {', '.join(_ALLOWED)} (optional)."
        )
    clip_id = _text(given["id"], "id", who)
    who = f"clip {clip_id!r}"
    split = given["split"]
    if not isinstance(split, str) or split not in SPLITS:
        raise UserError(f"{who}: unknown split {split!r}. Give train or report (test and val mean report).")
    subject = given.get("subject")
    return Clip(
        clip_id,
        _text(given["label"], "label", who),
        SPLITS[split],
        None if subject is None else _text(subject, "subject", who),
    )


def _text(value: Any, key: str, who: str) -> str:
    """A name; whole numbers are taken as their digits."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole and not (isinstance(value, str) and value.strip()):
        raise UserError(f"{who}: {key} is {value!r}; give a text that is not empty, or a whole number.")
    return str(value)


def _streams(clip_id: str, given: Any) -> dict[str, np.ndarray]:
    """The streams of one clip as finite float32 ``(time, dim)`` of one length."""
    who = f"clip {clip_id!r}"
    if not isinstance(given, Mapping) or not given:
        raise UserError(f"{who}: streams is {type(given).__name__}; give at least one name -> (time, dim).")
    streams = {name: _stream(array, name, who) for name, array in given.items()}
    lengths = {name: len(stream) for name, stream in streams.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(
            f"{who}: its streams differ in length: {lengths}. "
            "Streams of one clip are synchronous: resample them to one frame rate."
        )
    return streams


def _stream(array: Any, name: Any, who: str) -> np.ndarray:
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
        raise UserError(f"{who}: a stream is named {name!r}; use letters, digits, '_' and '-'.")
    where = f"{who}, stream {name!r}"
    try:
        values = np.asarray(array)
    except ValueError as error:
        raise UserError(
            f"{where} is ragged: its frames differ in length. Give one (time, dim) array."
        ) from error
    if values.dtype.kind not in "fiub":
        raise UserError(f"{where} holds {values.dtype}, not numbers. Give one (time, dim) array of floats.")
    if values.ndim != 2 or 0 in values.shape:
        raise UserError(f"{where} has shape {values.shape}; expected (time, dim), both at least 1.")
    with np.errstate(over="ignore"):
        stream = values.astype(np.float32)
    bad = np.logical_not(np.isfinite(stream).all(axis=1))
    if bad.any():
        first = int(bad.argmax())
        raise UserError(
            f"{where} is NaN or infinite in {int(bad.sum())} of {len(bad)} frames, first in frame {first}. "
            "Interpolate such frames, or cut them from every stream of the clip."
        )
    return stream


def _append(
    writer: StoreWriter, clip: Clip, streams: Mapping[str, np.ndarray], dims: Mapping[str, int]
) -> None:
    """Add a clip whose streams are those of the first one."""
    got = {name: stream.shape[1] for name, stream in streams.items()}
    if got != dims:
        raise UserError(
            f"clip {clip.id!r}: its streams are {got} (name: dim), but those of the first clip are "
            f"{dict(dims)}. Every clip needs the same streams of the same dims."
        )
    if clip.id in writer:
        raise UserError(f"clip id {clip.id!r} came twice. Ids are unique over all splits: prefix the split.")
    writer.append(clip, {name: streams[name] for name in dims})


class _Splits:
    """The labels seen in each split."""

    def __init__(self) -> None:
        self._labels: dict[str, set[str]] = {"train": set(), "report": set()}

    def add(self, clip: Clip) -> None:
        self._labels[clip.split].add(clip.label)

    def check(self) -> None:
        train, report = self._labels["train"], self._labels["report"]
        for split, labels in self._labels.items():
            if not labels:
                raise UserError(f"no clip has split {split}. A store needs clips to train and to report on.")
        unseen = sorted(report - train)
        if unseen:
            raise UserError(
                f"label {unseen[0]!r} is never seen in train ({len(unseen)} such). Labels of the training "
                f"clips: {', '.join(sorted(train))}. Drop its clips, or move some of them to train."
            )
        if len(train) < 2:
            raise UserError(f"all clips are {next(iter(train))!r}; give clips of at least two classes.")
