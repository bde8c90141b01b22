"""Writes stores: clip by clip, aside, and in their place when complete."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import BadClip, UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.array_file import LABELS, form_fault
from fusionbench.data.frame_labels import LabelNumbers
from fusionbench.data.index import Record, split_fault, write_index
from fusionbench.data.place import replacing, writes_to
from fusionbench.data.store_format import (
    ARRAY_NAME,
    BESIDE,
    DESCRIPTION,
    INDEX,
    SCHEMA,
    Description,
    Kind,
    array_file,
    content_hash,
)

Forms = dict[str, tuple[tuple[int, ...], np.dtype]]
"""array name -> lengths without the rows, type"""


class StoreWriter:
    """Appends clips to a store that does not exist for readers until ``writing`` ends well."""

    def __init__(self, folder: Path, kind: Kind, target: Path):
        self._folder = folder
        self._kind: Kind = kind
        self._target = target
        self._files: dict[str, Any] = {}
        self._forms: Forms = {}
        self._hashes: dict[str, Any] = {}
        self._records: list[Record] = []
        self._ids: set[str] = set()
        self._next_row = 0
        self._beside: list[str] = []
        self._labels = LabelNumbers()

    @property
    def forms(self) -> Forms:
        """The arrays that the first clip brought; empty before it."""
        return dict(self._forms)

    def __contains__(self, clip_id: str) -> bool:
        """Whether a clip of this id was appended."""
        return clip_id in self._ids

    def append(self, clip: Clip, arrays: Mapping[str, np.ndarray]) -> None:
        """Add one clip.

        Args:
            clip: its index entry.
            arrays: array name -> ``(time, ...)``; every clip brings the same names, trailing sizes and types.
                Labels of its frames are as many.

        Raises:
            ValueError: the arrays disagree with each other or with earlier clips, or the id came before.
            BadClip: a text of the clip cannot be stored; nothing of it was written.
            UserError: the disk takes no more.
        """
        self.append_blocks(clip, [arrays])

    def append_blocks(self, clip: Clip, blocks: Iterable[Mapping[str, np.ndarray]]) -> None:
        """Add one clip that comes in blocks of frames, so that none but one is in memory.

        Args:
            clip: its index entry.
            blocks: as ``arrays`` of ``append``, each a part of the time. Where one raises, nothing
                may be written after it: leave ``writing``.

        Raises:
            ValueError: as ``append``, or no block came.
            BadClip, UserError: as ``append``.
        """
        if clip.id in self._ids:
            raise ValueError(f"clip id {clip.id!r} came twice; ids must be unique")
        labels = self._labels.of(clip.labels) if clip.labels else None
        count = 0
        for arrays in blocks:
            if labels is not None:
                arrays = {**arrays, LABELS: labels[count : count + len(next(iter(arrays.values())))]}
            count += self._write(clip, arrays)
        if not count:
            raise ValueError(f"clip {clip.id!r}: there is no frame; a clip needs at least 1")
        if labels is not None and count != len(labels):
            raise ValueError(f"clip {clip.id!r}: {len(labels)} labels for {count} frames")
        self._records.append(_record(clip, self._next_row, count))
        self._ids.add(clip.id)
        self._next_row += count

    def _write(self, clip: Clip, arrays: Mapping[str, np.ndarray]) -> int:
        """Write rows; returns how many."""
        rows = {len(array) for array in arrays.values()}
        if len(rows) != 1 or rows == {0}:
            lengths = {name: len(array) for name, array in arrays.items()}
            raise ValueError(f"clip {clip.id!r}: arrays need the same length, at least 1; got {lengths}")
        count = rows.pop()
        _record(clip, self._next_row, count)  # before anything of it is written
        forms = {name: (array.shape[1:], array.dtype) for name, array in arrays.items()}
        if not self._forms:
            self._open(forms)
        if forms != self._forms:
            raise ValueError(
                f"clip {clip.id!r}: arrays {forms} differ from the clips before it: {self._forms}"
            )
        for name, array in arrays.items():
            data = np.ascontiguousarray(array).tobytes()
            with writes_to(self._target):
                self._files[name].write(data)
            self._hashes[name].update(data)
        return count

    def _open(self, forms: Forms) -> None:
        for name, (lengths, dtype) in forms.items():
            fault = form_fault(LABELS if name == LABELS else self._kind, (1, *lengths), dtype)
            if fault or not (name == LABELS or ARRAY_NAME.fullmatch(name)):
                raise ValueError(f"array {name!r} {fault or 'needs a name of letters, digits, _ and -'}")
        self._forms = dict(forms)
        with writes_to(self._target):
            for name in forms:
                self._files[name] = (self._folder / array_file(name)).open("wb")
                self._hashes[name] = hashlib.sha256()
                self._header(name, rows=0)

    def _header(self, name: str, rows: int) -> None:
        """(Re)write the header; numpy pads it so that the number of rows may grow in place."""
        lengths, dtype = self._forms[name]
        described = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (rows, *lengths),
        }
        self._files[name].seek(0)
        np.lib.format.write_array_header_1_0(self._files[name], described)

    def beside(self, name: str) -> Path:
        """A new folder in the store for what people look at; it goes when the store is replaced.

        Args:
            name: of the folder.
        """
        with writes_to(self._target):
            (self._folder / name).mkdir()
        self._beside.append(name)
        return self._folder / name

    def finish(self, made: Mapping[str, Any], stand_in: bool) -> None:
        """Close the arrays and write index and description.

        Raises:
            ValueError: no clip was appended.
            UserError: the disk takes no more.
        """
        if not self._records:
            raise ValueError("a store needs at least one clip; none was appended")
        arrays = {name: (*form, self._hashes[name].hexdigest()) for name, form in self._forms.items()}
        labels = self._labels.names
        if LABELS in arrays and not labels:
            raise UserError(f"{self._target}: no frame of any clip is labelled. Nothing was written.")
        version = SCHEMA if LABELS in arrays else SCHEMA - 1
        about = Description(
            version=version,
            kind=self._kind,
            content_hash=content_hash(version, self._kind, stand_in, arrays, self._records, labels),
            stand_in=stand_in,
            arrays=[name for name in self._forms if name != LABELS],
            labels=list(labels),
            made={**made, BESIDE: self._beside} if self._beside else dict(made),
        )
        with writes_to(self._target):
            for name in self._forms:
                self._header(name, self._next_row)
                self._files[name].close()
            write_index(self._folder / INDEX, self._records)
            (self._folder / DESCRIPTION).write_text(about.text(), encoding="utf-8")

    def close(self) -> None:
        """Close the array files of a store that will not be finished."""
        for file in self._files.values():
            with contextlib.suppress(OSError):  # what led here is told already
                file.close()


def _record(clip: Clip, first_row: int, rows: int) -> Record:
    """The clip's line of the index.

    Raises:
        BadClip: a text of it is none that the index can hold.
    """
    source = str(Path(clip.files[0]).parent) if clip.files else ""
    fault = "its id is empty" if not clip.id else split_fault(clip.split)
    for text in (clip.id, clip.label, clip.subject or ""):
        if not _is_utf8(text):
            fault = f"{text!r} cannot be written as UTF-8"
    if fault:
        raise BadClip(f"clip {clip.id!r}: {fault}. Rename it.")
    shown = source.encode("utf-8", "backslashreplace").decode()
    return (clip.id, str(first_row), str(rows), clip.label, clip.split, clip.subject or "", shown)


def _is_utf8(text: str) -> bool:
    """Names of files that are no UTF-8 come as texts that cannot be encoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def writing(path: Path, kind: Kind, watch: Watch | None = None) -> Iterator[StoreWriter]:
    """Write a store aside; it takes the place of ``path`` when the caller has called ``finish``.

    What stops before that, an error, Ctrl-C or a kill, leaves whatever was there before;
    ``place.replacing`` says how. One writer of a path waits for the other.

    Raises:
        UserError: nothing can be written there.
    """
    with replacing(path, watch=watch) as folder:
        writer = StoreWriter(folder, kind, path)
        try:
            yield writer
        finally:
            writer.close()
