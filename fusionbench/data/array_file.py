"""One array in an ``.npy`` file: its header set against the file's size, then mapped or hashed."""

from __future__ import annotations

import hashlib
import math
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fusionbench.data.reading import Damaged

LABELS = "frame.labels"
"""array of the labels of single frames in a store of any kind; no stream can be called so"""
FORMS = {"streams": (2, "f"), "maps": (4, "f"), "frames": (None, "uf"), LABELS: (1, "i")}
"""kind of store -> dimensions of its arrays with the rows (None = any), and their kinds of numbers"""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ArrayFile:
    """An array on disk of which only the header was read; it works as long as the file is open."""

    file: BinaryIO
    shape: tuple[int, ...]
    """``(rows, ...)``"""
    dtype: np.dtype
    offset: int
    """bytes before the first number"""

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    def mapped(self) -> np.memmap:
        """The array, read-only; its pages stay on disk until they are looked at."""
        return np.memmap(self.file, self.dtype, "r", self.offset, self.shape)

    def sha256(self) -> str:
        """Of the numbers, without the header."""
        total = hashlib.sha256()
        self.file.seek(self.offset)
        buffer = memoryview(bytearray(_CHUNK))
        while count := self.file.readinto(buffer):  # type: ignore[attr-defined]
            total.update(buffer[:count])
        return total.hexdigest()


def read_header(file: BinaryIO) -> ArrayFile:
    """Read what an array file says of itself, and refuse it where its size says otherwise.

    Raises:
        Damaged: it holds no plain array of numbers in C order, or is shorter or longer than it says.
        Exception: whatever numpy raises on a header that is none.
    """
    name, found = Path(file.name).name, os.fstat(file.fileno()).st_size
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise Damaged(f"{name} has the .npy version {version}; 1.0 and 2.0 are read")
    shape, fortran_order, dtype = readers[version](file)
    offset = file.tell()
    if dtype.kind not in "fiub":
        raise Damaged(f"{name} holds {dtype}, not numbers")
    if fortran_order and len(shape) > 1:
        raise Damaged(f"{name} is in Fortran order; a store's arrays lie row by row (C order)")
    if not shape or any(type(length) is not int or length < 1 for length in shape):
        raise Damaged(f"{name} has the shape {shape}; every length is at least 1")
    array = ArrayFile(file, shape, dtype, offset)
    needed = offset + array.size
    if found != needed:
        raise Damaged(f"{name} has {found} bytes; its shape {shape} of {dtype} needs {needed}")
    return array


def let_go(array: np.ndarray) -> None:
    """Give back the memory of a mapped array's pages that were looked at; they are read again when needed.

    The system would do so where memory is short. Whoever reads a long array once, from end to end,
    would until then look as large as the array.
    """
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)


def form_fault(kind: str, shape: tuple[int, ...], dtype: np.dtype) -> str | None:
    """What keeps an array ``(rows, ...)`` from being one of a store of ``kind``, or None."""
    dimensions, numbers = FORMS[kind]
    if dtype.kind not in numbers or not dtype.isnative:
        return f"holds {dtype}, which arrays of {kind} do not"
    if dimensions is not None and len(shape) != dimensions:
        return f"has the shape {shape}; arrays of {kind} have {dimensions} dimensions"
    return None
