"""Stores: arrays of clips end to end, memory-mapped, opened only if they hold what was written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.array_file import ArrayFile, form_fault, read_header
from fusionbench.data.index import Record, StoreIndex, read_index
from fusionbench.data.place import settled
from fusionbench.data.reading import Damaged, reading
from fusionbench.data.store_format import (
    DESCRIPTION,
    INDEX,
    Description,
    Foreign,
    array_file,
    content_hash,
    read_description,
)
from fusionbench.data.verified import is_remembered, remember, snapshot

LARGE = 2e9
"""bytes from which on it is said that a store is being verified"""


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
    return (path / DESCRIPTION).is_file() or (settled(path) / DESCRIPTION).is_file()


def open_store(path: Path, watch: Watch | None = None) -> Store:
    """Open a store; reads the index, and the arrays where they changed since they were last verified.

    Args:
        path: its folder.
        watch: told where a large store has to be read.

    Raises:
        UserError: there is no complete store, a newer fusionbench wrote it, a file of it is
            damaged, or it does not hold what was written.
    """
    return _open(path, watch or Watch(), anew=False)


def verify_store(path: Path, watch: Watch | None = None) -> Store:
    """``open_store``, but the hash is taken of all that lies on disk, whatever was verified before."""
    return _open(path, watch or Watch(), anew=True)


def _open(path: Path, watch: Watch, anew: bool) -> Store:
    """Open the store at ``path``; once more where another one took its place meanwhile."""
    while True:
        place = settled(path)
        before = _identity(place)
        try:
            return _read(place, path, watch, anew)
        except Foreign as error:
            fault = UserError(f"{path} {error}")
        except Damaged as error:
            fault = UserError(
                f"the store {path} is damaged: {error}. "
                "Copy or write it again; delete the folder if it is a cache."
            )
        except _Changed as error:
            fault = UserError(
                f"the store {path} is not what was written: its content has the hash {error}. If the change "
                "was meant, write the store again with fb.write_stream_store; else copy it again, or delete "
                "the folder if it is a cache."
            )
        if _identity(settled(path)) == before:
            raise fault


class _Changed(Exception):
    """The hash found, and the one promised."""


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _read(place: Path, path: Path, watch: Watch, anew: bool) -> Store:
    about = read_description(place / DESCRIPTION)
    began = time.time_ns()
    seen = snapshot(place, about.files)
    with reading(place / INDEX):
        index, records = read_index(place / INDEX, about.splits)
    files = {name: _array(place / array_file(name), about.kind, index) for name in about.arrays}
    if anew or not is_remembered(place, about.content_hash, seen):
        _verify(place, about, files, records, watch)
        remember(place, about.content_hash, seen, began)
    arrays: dict[str, np.ndarray] = {}
    for name, file in files.items():
        with reading(file.path):
            arrays[name] = file.mapped()
    return Store(path, about.kind, about.content_hash, about.made, about.stand_in, index, arrays)


def _array(path: Path, kind: str, index: StoreIndex) -> ArrayFile:
    with reading(path):
        file = read_header(path)
    fault = form_fault(kind, file.shape, file.dtype)
    if fault:
        raise Damaged(f"{path.name} {fault}")
    rows = int(index.rows.sum())
    if file.shape[0] != rows:
        raise Damaged(f"{path.name} has {file.shape[0]} rows, but {INDEX} lists {rows}")
    return file


def _verify(
    place: Path, about: Description, files: Mapping[str, ArrayFile], records: list[Record], watch: Watch
) -> None:
    size = sum(file.size for file in files.values())
    if size > LARGE:
        watch.note(f"verifying {place}: {size / 1e9:.0f} GB are read, once as long as they stay unchanged")
    hashed = {}
    for name, file in files.items():
        with reading(file.path):
            hashed[name] = (file.shape[1:], file.dtype, file.sha256())
    found = content_hash(about.version, about.kind, about.stand_in, hashed, records)
    if found != about.content_hash:
        raise _Changed(f"{found}, {DESCRIPTION} promises {about.content_hash}")
