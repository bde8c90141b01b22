"""Arrays of numpy out of pickles and ``.npz`` archives, with nothing of theirs run.

Arrays and their types are put together by this module out of plain bytes: numpy's own
``__setstate__`` believes what a pickle says of an array's inside.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import Unreadable, open_regular, reading
from fusionbench.nn.pickled import Unpickler, names_in

_TYPE = re.compile(r"[<>|=]?(?:[biufc][1-9]\d?|[SU]\d+|[?O]|O8|O4)")
_DEEPEST = 50
_SHOWN = 5
"""names that a message lists"""
_ADVICE = {
    "torch": "It holds torch tensors: write numpy arrays instead (MMSA-FET: return_type='np').",
    "pandas": "It holds pandas tables: write them with to_parquet, and import that as `table`.",
}
"""first word of a module -> what to do where a pickle names it"""


def read_pickle(path: Path | str) -> Any:
    """What a pickle holds: numbers, texts, lists, tuples, dicts and numpy's arrays; of Python 2 as well.

    Arrays look at the bytes of the pickle, and are read-only.

    Raises:
        UserError: it names anything else, refers to objects outside of it, or is damaged. Nothing of
            it was run.
    """
    with reading("pickle", path, "Copy it again, or write it anew."), open_regular(Path(path)) as file:
        _refuse_foreign(file, str(path))
        return _load(file)


def read_npz(path: Path | str, *, objects: bool = False) -> dict[str, Any]:
    """The arrays of an ``.npz`` archive by name.

    Args:
        path: the archive.
        objects: also read arrays of objects, as ``read_pickle`` reads a pickle; one object alone comes
            as itself, not as an array.

    Raises:
        UserError: it is no such archive, is damaged, or holds objects where none are read. Nothing of
            it was run.
    """
    found = {}
    with ExitStack() as stack:
        stack.enter_context(reading("archive", path, "Copy it again, or write it anew."))
        archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(open_regular(Path(path)))))
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename:
                raise Unreadable(f"{name!r} in it is no array; numpy.savez writes .npy members")
            with archive.open(entry) as member:
                found[name] = _array(member, f"{path}, array {name!r}", objects)
    return found


def _array(member: IO[bytes], where: str, objects: bool) -> Any:
    version = np.lib.format.read_magic(member)
    readers: dict[tuple[int, int], Callable[..., Any]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise Unreadable(f"{where} has the .npy version {version}; 1.0 and 2.0 are read")
    shape, fortran, dtype = readers[version](member)
    rest = member.read()
    if dtype.hasobject:
        if not objects:
            raise UserError(
                f"{where} holds Python objects, which are not read here. Write numbers, or texts as "
                "numpy.str_."
            )
        pickled = io.BytesIO(rest)
        _refuse_foreign(pickled, where)
        held = _load(pickled)
        return held[()] if isinstance(held, np.ndarray) and held.shape == () else held
    if dtype.kind not in "biufcSU":
        raise Unreadable(f"{where} holds {dtype}, neither numbers nor texts")
    return _filled(rest, dtype, shape, fortran)


def _refuse_foreign(file: BinaryIO, where: str) -> None:
    """Look for names that are not known, before anything is built.

    Raises:
        UserError: there are some.
    """
    foreign = sorted(name for name in names_in(file) if _known(name) is None)
    file.seek(0)
    if not foreign:
        return
    more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
    advice = next((said for word, said in _ADVICE.items() if any(n.startswith(word) for n in foreign)), "")
    raise UserError(
        f"{where}: a pickle that would import {', '.join(foreign[:_SHOWN])}{more}; nothing of it was run. "
        f"Read are plain values and numpy arrays. {advice}".strip()
    )


def _load(file: BinaryIO) -> Any:
    return _built(Unpickler(file, _known, encoding="latin1").load(), {}, 0)


class _Type:
    """A type of numbers or texts, as ``numpy.dtype`` pickles it."""

    def __init__(self, code: Any, *rest: Any):
        code = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(code, str) or not _TYPE.fullmatch(code):
            raise Unreadable(f"it holds an array of the unknown type {code!r:.40}")
        self.objects = "O" in code
        self.dtype = np.dtype(object if self.objects else code)

    def __setstate__(self, state: Any) -> None:
        """``(version, byte order, subtype, names, fields, size, alignment, flags)``; the order counts."""
        _, order, *parts = state
        if any(part is not None for part in parts[:3]):
            raise Unreadable("it holds an array of records; write one array a field")
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if not self.objects and order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)  # type: ignore[arg-type]


class _Array:
    """An array, as ``numpy.core.multiarray._reconstruct`` begins it; ``finished`` gives it."""

    def __init__(self, *ignored: Any):
        self._state: Any = None
        self._finished: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        """``([version,] shape, type, whether in Fortran's order, bytes or list)``."""
        self._state = state[-4:]

    def finished(self, build: Callable[[Any], Any]) -> np.ndarray:
        """The array; ``build`` is done to each object of an array of objects."""
        if self._finished is None:
            if self._state is None:
                raise Unreadable("it begins an array and never fills it")
            shape, kind, fortran, content = self._state
            if kind.objects:
                self._finished = _objects(content, shape, bool(fortran))
                flat = self._finished.reshape(-1)  # empty or contiguous: a view
                for place, item in enumerate(content):
                    flat[place] = build(item)
            else:
                self._finished = _filled(content, kind.dtype, shape, bool(fortran))
        return self._finished


def _objects(content: Any, shape: Any, fortran: bool) -> np.ndarray:
    if not isinstance(content, list) or len(content) != _elements(shape):
        raise Unreadable(f"an array of objects of the shape {shape} holds others than it says")
    if fortran and len(shape) > 1:
        raise Unreadable("an array of objects lies in Fortran's order")
    return np.empty(shape, object)


def _filled(content: Any, dtype: np.dtype, shape: Any, fortran: bool) -> np.ndarray:
    """An array that looks at bytes, where these are as many as it needs."""
    data = content.encode("latin1") if isinstance(content, str) else content  # Python 2 has bytes as texts
    count = _elements(shape)
    if not isinstance(data, bytes | bytearray) or len(data) != count * dtype.itemsize:
        held = len(data) if isinstance(data, bytes | bytearray) else type(data).__name__
        raise Unreadable(f"an array of the shape {shape} of {dtype} holds {held} bytes")
    if not len(data):
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _elements(shape: Any) -> int:
    if not isinstance(shape, tuple) or len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise Unreadable(f"an array has the shape {shape!r:.60}")
    return math.prod(shape)


def _scalar(kind: Any, content: Any = b"") -> Any:
    """One number, as ``numpy.core.multiarray.scalar`` makes it."""
    if kind.objects:
        raise Unreadable("it holds a lone object in numpy's clothes")
    return _filled(content, kind.dtype, (), False)[()]


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    """An array, as protocol 5 makes it."""
    if kind.objects:
        raise Unreadable("it holds objects in a buffer")
    return _filled(content, kind.dtype, shape, order == "F")


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes, as Python 3 writes them for Python 2."""
    if encoding != "latin1" or not isinstance(text, str):
        raise Unreadable(f"it encodes a text as {encoding!r:.40}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """No bytes at all, as Python 3 writes them for Python 2; called with a number it would make as many."""
    return b""


_KNOWN: Mapping[str, Any] = {
    "numpy.ndarray": object,  # only ever an argument of _reconstruct, which ignores it
    "numpy.dtype": _Type,
    **{
        f"numpy.{core}.{name}": built
        for core in ("core", "_core")
        for name, built in (
            ("multiarray._reconstruct", _Array),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _from_buffer),
        )
    },
    "_codecs.encode": _encoded,
    "builtins.bytes": _no_bytes,
    "__builtin__.bytes": _no_bytes,
    "collections.OrderedDict": dict,
}


def _known(name: str) -> Any:
    return _KNOWN.get(name)


def _built(value: Any, done: dict[int, Any], depth: int) -> Any:
    """A loaded value with its arrays finished; containers are changed in place."""
    if depth > _DEEPEST:
        raise Unreadable("nested too deeply")
    if not isinstance(value, dict | list | tuple | _Array | _Type):
        return value
    if id(value) in done:
        return done[id(value)]

    def inner(item: Any) -> Any:
        return _built(item, done, depth + 1)

    if isinstance(value, _Array):
        done[id(value)] = value.finished(inner)
    elif isinstance(value, _Type):
        done[id(value)] = value.dtype
    elif isinstance(value, tuple):
        done[id(value)] = tuple(inner(item) for item in value)
    else:
        done[id(value)] = value
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            value[key] = inner(value[key])
    return done[id(value)]
