"""Stores: arrays of clips end to end, memory-mapped, opened only if they hold what was written."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.array_file import LABELS, ArrayFile, form_fault, read_header
from fusionbench.data.frame_labels import labelled
from fusionbench.data.index import MOST_BYTES, Record, StoreIndex, read_index
from fusionbench.data.place import settled
from fusionbench.data.reading import Damaged, open_regular, reading
from fusionbench.data.store_format import (
    DESCRIPTION,
    INDEX,
    Description,
    Foreign,
    array_file,
    content_hash,
    open_description,
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
    return os.path.isfile(path / DESCRIPTION) or os.path.isfile(settled(path) / DESCRIPTION)


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
    """Each file is opened once, so that what is mapped is what was verified, whatever is renamed."""
    with ExitStack() as stack:

        def opened(name: str, most: int = sys.maxsize) -> BinaryIO:
            with reading(place / name):
                return stack.enter_context(open_regular(place / name, most))

        description = stack.enter_context(open_description(place))
        about = read_description(description)
        listed = opened(INDEX, MOST_BYTES)
        names = [*about.arrays, *([LABELS] if about.labels else [])]
        files = {name: opened(array_file(name)) for name in names}
        began, seen = time.time_ns(), snapshot([description, listed, *files.values()])
        with reading(place / INDEX):
            index, records = read_index(listed, about.splits)
        arrays = {
            name: _array(file, LABELS if name == LABELS else about.kind, index)
            for name, file in files.items()
        }
        if about.labels:
            index = labelled(index, about.labels, arrays[LABELS])
        if anew or not is_remembered(place, about.content_hash, seen):
            _verify(place, about, arrays, records, watch)
            remember(place, about.content_hash, seen, began)
        mapped = {name: _mapped(arrays[name]) for name in about.arrays}
    return Store(path, about.kind, about.content_hash, about.made, about.stand_in, index, mapped)


def _array(file: BinaryIO, kind: str, index: StoreIndex) -> ArrayFile:
    path = Path(file.name)
    with reading(path):
        array = read_header(file)
    fault = form_fault(kind, array.shape, array.dtype)
    if fault:
        raise Damaged(f"{path.name} {fault}")
    rows = int(index.rows.sum())
    if array.shape[0] != rows:
        raise Damaged(f"{path.name} has {array.shape[0]} rows, but {INDEX} lists {rows}")
    return array


def _mapped(array: ArrayFile) -> np.ndarray:
    with reading(Path(array.file.name)):
        return array.mapped()


def _verify(
    place: Path, about: Description, arrays: Mapping[str, ArrayFile], records: list[Record], watch: Watch
) -> None:
    size = sum(array.size for array in arrays.values())
    if size > LARGE:
        watch.note(f"verifying {place}: {size / 1e9:.0f} GB are read, once as long as they stay unchanged")
    hashed = {}
    for name, array in arrays.items():
        with reading(Path(array.file.name)):
            hashed[name] = (array.shape[1:], array.dtype, array.sha256())
    found = content_hash(about.version, about.kind, about.stand_in, hashed, records, about.labels)
    if found != about.content_hash:
        raise _Changed(f"{found}, {DESCRIPTION} promises {about.content_hash}")
