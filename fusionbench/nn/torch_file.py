"""Files that ``torch.save`` wrote, in both its forms: what they name and hold, without torch.load."""

from __future__ import annotations

import contextlib
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch

from fusionbench.contract.reading import MEGABYTE, Unreadable, open_regular
from fusionbench.nn.pickled import names_in
from fusionbench.nn.pickled_tensors import TensorUnpickler

_MAGIC = 0x1950A86A20F9469CFC6C
"""first pickle of the form before torch 1.6, in which storages follow one another"""


class TorchFile:
    """A file of ``torch.save``, open for reading.

    Args:
        path: the file.

    Raises:
        Unreadable: it is another kind of file.
    """

    def __init__(self, path: Path):
        self.path = path
        self.size = path.stat().st_size
        self.most = 4 * self.size + 64 * MEGABYTE
        """bytes that all its tensors may fill: more than it holds, for an archive may be compressed"""
        with open_regular(path) as file:
            self.zipped = file.read(4) == b"PK\x03\x04"
        self.script = False
        """whether it is a TorchScript archive: a program"""
        if self.zipped:
            with self._archive() as archive:
                self._pickle, self.script = self._look_into(archive)
        elif not self.size:
            raise Unreadable("an empty file")

    def names(self) -> list[str]:
        """What unpickling would import, sorted."""
        if not self.zipped:
            with open_regular(self.path) as file:
                _skip_header(file)
                return sorted(names_in(file))
        with self._archive() as archive:
            return sorted(names_in(archive.read(self._pickle)))

    def content(self, *, foreign: bool = False) -> Any:
        """What was saved, with its tensors.

        Args:
            foreign: make an empty ``Foreign`` of every unknown name, instead of refusing it.
        """
        return self._read_zip(foreign) if self.zipped else self._read_sequence(foreign)

    @contextlib.contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        with open_regular(self.path) as file, zipfile.ZipFile(file) as archive:
            yield archive

    def _look_into(self, archive: zipfile.ZipFile) -> tuple[str, bool]:
        """Name of the pickle, and whether the archive is a program."""
        names = archive.namelist()
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Unreadable("a zip archive that torch.save did not write")
        if archive.getinfo(pickles[0]).file_size > self.most:
            raise Unreadable("its pickle unpacks to an absurd size")
        return pickles[0], f"{pickles[0].partition('/')[0]}/constants.pkl" in names

    def _read_zip(self, foreign: bool) -> Any:
        with self._archive() as archive:
            top = self._pickle.partition("/")[0]
            _refuse_other_end(archive, f"{top}/byteorder")
            found: dict[str, torch.UntypedStorage] = {}

            def find(key: str, size: int) -> torch.UntypedStorage:
                if key not in found:
                    entry = archive.getinfo(f"{top}/data/{key}")
                    found[key] = self._storage(found, key, entry.file_size)
                    with archive.open(entry) as file:
                        _fill(file, found[key])
                if found[key].nbytes() < size:
                    raise Unreadable(f"storage {key} holds {found[key].nbytes()} bytes instead of {size}")
                return found[key]

            with archive.open(self._pickle) as file:
                return TensorUnpickler(file, find, foreign).load()  # type: ignore[arg-type]

    def _read_sequence(self, foreign: bool) -> Any:
        """The older form: the object's pickle, then the keys of the storages, then each with its size."""
        found: dict[str, torch.UntypedStorage] = {}

        def find(key: str, size: int) -> torch.UntypedStorage:
            if key not in found:
                found[key] = self._storage(found, key, size)
            return found[key]

        with open_regular(self.path) as file:
            _skip_header(file)
            content = TensorUnpickler(file, find, foreign).load()
            for key in _plain(file):
                storage = found[str(key)]
                (elements,) = struct.unpack("<q", file.read(8))
                if elements < 0 or (elements and storage.nbytes() % elements):
                    raise Unreadable(f"storage {key} has another size than its tensors")
                _fill(file, storage)
        return content

    def _storage(self, found: dict[str, torch.UntypedStorage], key: str, size: int) -> torch.UntypedStorage:
        """Room for one more storage.

        Raises:
            Unreadable: all of them would fill far more than the file.
        """
        if size + sum(storage.nbytes() for storage in found.values()) > self.most:
            raise Unreadable(f"storage {key} claims {size:,} bytes of a file of {self.size:,}")
        return torch.UntypedStorage(size)


def _skip_header(file: BinaryIO) -> None:
    """Past the magic number, the version and the machine of the older form."""
    try:
        magic = _plain(file)
    except Exception as error:  # whatever it is, it is no pickle of a number
        raise Unreadable("not a file that torch.save wrote") from error
    if magic != _MAGIC:
        raise Unreadable("not a file that torch.save wrote")
    _plain(file)
    machine = _plain(file)
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise Unreadable("written on a machine of another byte order")


def _plain(file: BinaryIO) -> Any:
    """One pickle of builtin values."""
    before = file.tell()
    names = names_in(file)
    if names:
        raise Unreadable(f"not a file that torch.save wrote: it names {', '.join(sorted(names))}")
    file.seek(before)
    return TensorUnpickler(file, lambda key, size: torch.UntypedStorage(0)).load()


def _refuse_other_end(archive: zipfile.ZipFile, name: str) -> None:
    if name in archive.namelist() and archive.read(name) not in (b"little", b""):
        raise Unreadable("written on a machine of another byte order")


def _fill(file: Any, storage: torch.UntypedStorage) -> None:
    if not storage.nbytes():
        return
    array: Any = torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
    place = memoryview(array)
    done = 0
    while done < len(place):
        got = file.readinto(place[done:])
        if not got:
            raise Unreadable(f"it ends {len(place) - done} bytes too early")
        done += got
