"""Features of any origin as a stream store: checked clip by clip as they come, never all in memory."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import DataWarning, UserError
from fusionbench.data.checks import check_names, check_streams
from fusionbench.data.findings import Finding, listed
from fusionbench.data.given import GivenClips
from fusionbench.data.labels import in_order
from fusionbench.data.place import writes_to
from fusionbench.data.splits import MEANINGS, NO_SPLIT, TRAIN, is_trained
from fusionbench.data.store import Store, open_store
from fusionbench.data.store_format import kind_of
from fusionbench.data.store_writer import StoreWriter, writing
from fusionbench.data.survey import Measured, Survey, zero_ends

KIND: Final = "streams"


def write_stream_store(
    path: str | os.PathLike[str],
    clips: Iterable[Mapping[str, Any]],
    *,
    stand_in: bool = False,
    cut_padding: bool = False,
) -> None:
    """Write features as a store that ``--dataset streams --data-root PATH`` runs on.

    Clips are checked and written one by one, so ``clips`` may be a generator over
    more than fits in memory. The store appears when the last clip is written; an
    error leaves whatever was at ``path`` before.

    Args:
        path: folder to write; a stream store that is there already is replaced.
        clips: mappings with the keys

            * ``id``: unique name,
            * ``label``: class name, or a whole number; or in its place ``labels``: ``(time,)`` of them, -1 or
              None for a step that nobody judged, where the steps of every clip are labelled one by one,
            * ``streams``: name -> ``(time, dim)`` numbers; the streams of a clip have the
              same time, clips may differ in it; stored as float32, in the first clip's order,
            * ``split``: ``train``; ``selection`` (also ``val``, ``valid``, ``validation``, ``dev``,
              ``devel``), on which the epoch is chosen; or a part to report on: ``report``, ``test`` or
              a name that begins with ``test``; left out of every clip where folds decide,
            * ``subject`` (optional): who is seen; keeps the clips of one person together.
        stand_in: True where the features were made from generated data.
        cut_padding: leave out frames at a clip's beginning and end that are zero in every stream.

    Raises:
        UserError: a clip is malformed (NaN, ragged, unknown split, an id twice, ...), no clip is to
            be trained on, a label is never seen in train, or ``path`` holds something else.

    Warns:
        DataWarning: for each thing about the clips that a number made from them would hide: frames
            that hold nearly all of a channel's variance, padding, a channel that float32 cannot hold, ...
    """
    found = write_streams(path, clips, stand_in=stand_in, cut_padding=cut_padding)
    for finding in found:
        warnings.warn(finding.message, DataWarning, stacklevel=2)


def write_streams(
    path: str | os.PathLike[str],
    clips: Iterable[Mapping[str, Any]],
    *,
    stand_in: bool = False,
    cut_padding: bool = False,
    made: Callable[[], Mapping[str, Any]] = lambda: {"source": "write_stream_store"},
) -> list[Finding]:
    """``write_stream_store``, which gives back what it would warn of.

    Args:
        path: as there.
        clips: as there.
        stand_in: as there.
        cut_padding: as there.
        made: asked after the last clip for what the store says of its making.
    """
    folder = Path(path).expanduser().absolute()
    with writes_to(folder):
        _refuse_foreign(folder)
    with writing(folder, KIND) as writer:
        given, labels, survey, cut = GivenClips(), _Labels(), Survey(), _Cut(cut_padding)
        dims: dict[str, int] = {}
        for number, one in enumerate(clips):
            clip = given.clip(one, number)
            streams = given.streams(clip.id, one["streams"])
            if one.get("labels") is not None:
                time = len(next(iter(streams.values())).values)
                clip = replace(clip, labels=given.labels(clip.id, one["labels"], time))
            clip, streams = cut.padding(clip, streams)
            dims = dims or {name: stream.values.shape[1] for name, stream in streams.items()}
            labels.add(clip)
            _append(writer, clip, streams, dims)
            survey.add(streams, is_trained(clip.split))
        labels.check()
        found = [*given.findings(), *labels.findings()]
        notes = [finding.plain() for finding in (*found, *cut.findings())]
        writer.finish({**made(), "notes": notes}, stand_in)
    store = open_stream_store(folder)
    return [*found, *check_names(store.index.clips), *check_streams(store.index, store.arrays, survey)]


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
    """The classes of a stream store: the labels of what is trained on, sorted (numbers as numbers)."""
    return in_order({label for clip in store.index.clips if is_trained(clip.split) for label in clip.judged})


def noted(store: Store) -> list[Finding]:
    """What only the writer of a store could see: names and numbers that were not kept as they came."""
    return [Finding(**note) for note in store.made.get("notes", ())]


def _refuse_foreign(folder: Path) -> None:
    """Only a stream store or an empty folder may be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if kind_of(folder) != KIND:  # a damaged one may be written again
        raise UserError(f"{folder} exists and is no stream store. Nothing was written; name a new folder.")


def _append(
    writer: StoreWriter, clip: Clip, streams: Mapping[str, Measured], dims: Mapping[str, int]
) -> None:
    """Add a clip whose streams are those of the first one."""
    got = {name: stream.values.shape[1] for name, stream in streams.items()}
    if got != dims:
        raise UserError(
            f"clip {clip.id!r}: its streams are {got} (name: dim), but those of the first clip are "
            f"{dict(dims)}. Every clip needs the same streams of the same dims."
        )
    if clip.id in writer:
        raise UserError(f"clip id {clip.id!r} came twice. Ids are unique over all splits: prefix the split.")
    writer.append(clip, {name: streams[name].values for name in dims})


class _Cut:
    """Cuts frames that are zero in every stream off the ends of clips, if asked to, and counts them."""

    def __init__(self, asked: bool) -> None:
        self._asked = asked
        self._frames = 0
        self._clips = 0

    def padding(self, clip: Clip, streams: dict[str, Measured]) -> tuple[Clip, dict[str, Measured]]:
        """The clip without such frames.

        Raises:
            UserError: nothing would be left of it.
        """
        if not self._asked:
            return clip, streams
        time = len(next(iter(streams.values())).values)
        ends = [zero_ends(stream.values) for stream in streams.values()]
        start, end = min(e[0] for e in ends), min(e[1] for e in ends)
        if start == time:
            raise UserError(f"clip {clip.id!r} is zero in every stream throughout. Leave it out.")
        if not start and not end:
            return clip, streams
        self._frames += start + end
        self._clips += 1
        kept = {name: Measured.of(stream.values[start : time - end]) for name, stream in streams.items()}
        return replace(clip, labels=clip.labels[start : time - end]), kept

    def findings(self) -> list[Finding]:
        """How much was cut."""
        if not self._clips:
            return []
        what = f"{self._frames:,} frame(s) of zeros were cut off the ends of {self._clips:,} clip(s)."
        return [Finding("cut", what)]


class _Labels:
    """The labels of each split, with the number of their clips, or of their steps."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[str]] = {}
        self._what = "clip(s)"
        self._silent = 0

    def add(self, clip: Clip) -> None:
        self._seen.setdefault(clip.split, Counter()).update(clip.judged)
        self._what = "step(s)" if clip.labels else "clip(s)"
        self._silent += not clip.judged

    def check(self) -> None:
        train = self._seen.get(TRAIN) or self._seen.get("")
        if not train and self._seen.keys() & {TRAIN, ""}:
            raise UserError("no step that is trained on is judged: all their labels are -1, None or empty.")
        if not train:
            raise UserError(
                f"no clip has split {TRAIN}. A store needs clips to train on. Splits: {MEANINGS}. {NO_SPLIT}."
            )
        for split, labels in self._seen.items():
            unseen = in_order(labels.keys() - train.keys())
            if unseen:
                raise UserError(
                    f"label {unseen[0]!r} is never seen in train "
                    f"({labels[unseen[0]]} {self._what} of {split}; "
                    f"{len(unseen)} such label(s): {listed(unseen)}). Labels of the training "
                    f"clips: {', '.join(in_order(train))}. Drop its clips, or move some of them to train."
                )
        if len(train) < 2:
            what = self._what.replace("(s)", "s")
            raise UserError(f"all {what} are {next(iter(train))!r}; give clips of at least two classes.")

    def findings(self) -> list[Finding]:
        """Clips that add nothing to any number."""
        if not self._silent:
            return []
        return [
            Finding("unjudged", f"no step of {self._silent} clip(s) is judged; nothing is learnt from them.")
        ]
