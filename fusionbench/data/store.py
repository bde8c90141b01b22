"""Stores: arrays of clips end to end, memory-mapped, written aside and renamed when complete."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError

SCHEMA = 1
"""version of the folder's form; a reader refuses newer ones"""

_COLUMNS = ("id", "first_row", "rows", "label", "split", "subject", "source")


@dataclass(frozen=True)
class StoreIndex:
    """Which rows belong to which clip."""

    clips: tuple[Clip, ...]
    first_row: np.ndarray
    """``(clips,)`` int64"""
    rows: np.ndarray
    """``(clips,)`` int64, frames of each clip"""

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Clip id -> its place in the index."""
        return {clip.id: place for place, clip in enumerate(self.clips)}

    def places(self, ids: Sequence[str]) -> np.ndarray:
        """Places of the clips ``ids``, in that order."""
        return np.array([self.position[clip_id] for clip_id in ids], dtype=np.int64)


@dataclass(frozen=True)
class Store:
    """A complete store, opened read-only."""

    path: Path
    kind: str
    """``frames``, ``maps`` or ``streams``"""
    content_hash: str
    """SHA-256 over arrays and index: two stores of one hash hold the same"""
    made: Mapping[str, Any]
    """how it was made: source, preparation, components, weights"""
    stand_in: bool
    index: StoreIndex
    arrays: Mapping[str, np.ndarray]
    """array name -> ``(rows, ...)`` memory map"""

    @property
    def total_rows(self) -> int:
        """Frames of all clips."""
        return int(self.index.rows.sum())


def is_store(path: Path) -> bool:
    """Whether ``path`` is the folder of a complete store."""
    return (path / "store.json").is_file()


def open_store(path: Path) -> Store:
    """Open a store; reads the index, not the arrays.

    Raises:
        UserError: there is no complete store, a newer fusionbench wrote it, or a file of it is damaged.
    """
    description = path / "store.json"
    try:
        about = json.loads(description.read_text(encoding="utf-8"))
        schema = about["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no store: no readable store.json in it. "
            "Give the folder that write_stream_store wrote, or delete it if a cache."
        ) from error
    if schema > SCHEMA:
        raise UserError(
            f"{path} has store schema {schema}; this fusionbench reads up to {SCHEMA}. "
            "A newer version wrote it: upgrade fusionbench, or delete the folder if it is a cache."
        )
    try:
        index = _read_index(path / "index.csv")
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in about["arrays"]}
        short = [name for name, array in arrays.items() if len(array) != index.rows.sum()]
        if short:
            raise ValueError(f"{short[0]}.npy and index.csv differ in their number of rows")
    except (OSError, ValueError, IndexError) as error:
        raise UserError(
            f"the store {path} is damaged: {error}. "
            "Copy or write it again; delete the folder if it is a cache."
        ) from error
    return Store(
        path=path,
        kind=about["kind"],
        content_hash=about["content_hash"],
        made=about["made"],
        stand_in=about["stand_in"],
        index=index,
        arrays=arrays,
    )


def _read_index(path: Path) -> StoreIndex:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        records = list(reader)
    clips = tuple(Clip(r[0], r[3], r[4], r[5] or None, (r[6],) if r[6] else ()) for r in records)
    first_row = np.array([int(r[1]) for r in records], dtype=np.int64)
    rows = np.array([int(r[2]) for r in records], dtype=np.int64)
    return StoreIndex(clips, first_row, rows)


class StoreWriter:
    """Appends clips to a store that does not exist for readers until ``writing`` ends well."""

    def __init__(self, folder: Path, kind: str):
        self._folder = folder
        self._kind = kind
        self._files: dict[str, Any] = {}
        self._shapes: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        self._hashes: dict[str, Any] = {}
        self._records: list[tuple[str, ...]] = []
        self._ids: set[str] = set()
        self._next_row = 0

    def __contains__(self, clip_id: str) -> bool:
        """Whether a clip of this id was appended."""
        return clip_id in self._ids

    def append(self, clip: Clip, arrays: Mapping[str, np.ndarray]) -> None:
        """Add one clip.

        Args:
            clip: its index entry.
            arrays: array name -> ``(time, ...)``; every clip brings the same names, trailing sizes and types.

        Raises:
            ValueError: the arrays disagree with each other or with earlier clips, or the id came before.
        """
        if clip.id in self._ids:
            raise ValueError(f"clip id {clip.id!r} came twice; ids must be unique")
        rows = {len(array) for array in arrays.values()}
        if len(rows) != 1 or rows == {0}:
            lengths = {name: len(array) for name, array in arrays.items()}
            raise ValueError(f"clip {clip.id!r}: arrays need the same length, at least 1; got {lengths}")
        forms = {name: (array.shape[1:], array.dtype) for name, array in arrays.items()}
        if not self._shapes:
            self._open(forms)
        if forms != self._shapes:
            raise ValueError(
                f"clip {clip.id!r}: arrays {forms} differ from the clips before it: {self._shapes}"
            )
        for name, array in arrays.items():
            data = np.ascontiguousarray(array).tobytes()
            self._files[name].write(data)
            self._hashes[name].update(data)
        count = rows.pop()
        source = str(Path(clip.files[0]).parent) if clip.files else ""
        self._records.append(
            (clip.id, str(self._next_row), str(count), clip.label, clip.split, clip.subject or "", source)
        )
        self._ids.add(clip.id)
        self._next_row += count

    def _open(self, forms: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> None:
        self._shapes = dict(forms)
        for name, (shape, dtype) in forms.items():
            self._files[name] = (self._folder / f"{name}.npy").open("wb")
            self._hashes[name] = hashlib.sha256()
            self._header(name, shape, dtype, rows=0)

    def _header(self, name: str, shape: tuple[int, ...], dtype: np.dtype, rows: int) -> None:
        """(Re)write the header; numpy pads it so that the number of rows may grow in place."""
        file = self._files[name]
        file.seek(0)
        described = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (rows, *shape),
        }
        np.lib.format.write_array_header_1_0(file, described)

    def finish(self, made: Mapping[str, Any], stand_in: bool) -> None:
        """Close the arrays and write index and description.

        Raises:
            ValueError: no clip was appended.
        """
        if not self._records:
            raise ValueError("a store needs at least one clip; none was appended")
        for name, (shape, dtype) in self._shapes.items():
            self._header(name, shape, dtype, self._next_row)
        self.close()
        with (self._folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(self._records)
        about = {
            "schema": SCHEMA,
            "kind": self._kind,
            "content_hash": self._content_hash(),
            "stand_in": stand_in,
            "arrays": list(self._shapes),
            "made": dict(made),
        }
        (self._folder / "store.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    def _content_hash(self) -> str:
        """Over the arrays and what the index says of each clip but its path on this machine."""
        total = hashlib.sha256()
        for name in self._hashes:  # their order is part of the content: heads are built by it
            total.update(f"{name} {self._shapes[name]} {self._hashes[name].hexdigest()}\n".encode())
        for record in self._records:
            total.update(("\t".join(record[:-1]) + "\n").encode())
        return total.hexdigest()

    def close(self) -> None:
        """Close the array files."""
        for file in self._files.values():
            file.close()


@contextmanager
def writing(path: Path, kind: str) -> Iterator[StoreWriter]:
    """Write a store aside; rename it to ``path`` when the caller has called ``finish``.

    What stops before that, an error, Ctrl-C or a kill, leaves no store: a later
    writer of the same path removes the remains.
    """
    aside = path.with_name(f"{path.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    writer = StoreWriter(aside, kind)
    try:
        yield writer
        if path.exists():
            shutil.rmtree(path)
        os.replace(aside, path)
    finally:
        writer.close()
        shutil.rmtree(aside, ignore_errors=True)
