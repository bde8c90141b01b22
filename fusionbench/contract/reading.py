"""The boundary of every reader: whatever goes wrong in a file becomes our error, with the file's name."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fusionbench.contract.errors import FusionBenchError, UserError

MEGABYTE = 1_000_000
_LONGEST_REASON = 300
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)
"""a pipe is otherwise opened when somebody writes into it, perhaps never"""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Unreadable(Exception):
    """What is wrong with a file, in words; ``reading`` adds its name."""


@contextlib.contextmanager
def reading(
    what: str, path: Path | str, advice: str, error: type[FusionBenchError] = UserError
) -> Iterator[None]:
    """Everything that the block raises leaves it as ``error``; our own errors leave it as they are.

    Args:
        what: kind of file, as in ``weights``; may be empty.
        path: the file.
        advice: a last sentence that says what to do.
        error: class of the error.
    """
    try:
        yield
    except (FusionBenchError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as cause:  # not Exception alone: libraries in Rust panic past it
        raise error(f"{what} {path}: {reason(cause)}. {advice}".strip()) from cause


def reason(error: BaseException) -> str:
    """What an error of any kind says, in one line without its last full stop."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    said = " ".join(str(error).split()).rstrip(". ")[:_LONGEST_REASON]
    return said if isinstance(error, Unreadable) else f"{type(error).__name__}: {said}".rstrip(": ")


def open_regular(path: Path, most: int | None = None) -> BinaryIO:
    """Open an ordinary file; reading from a pipe or a device could last for ever.

    Args:
        path: file, or a link to one.
        most: largest size in bytes; None allows any.

    Raises:
        Unreadable: it is something else, or larger.
        OSError: it is not there, or may not be read.
    """
    return open(path, "rb", opener=lambda name, flags: _descriptor(name, flags, most))


def _descriptor(name: str, flags: int, most: int | None) -> int:
    """Of an ordinary file: looked at after it was opened, so that nothing is exchanged in between."""
    descriptor = os.open(name, flags | _WITHOUT_WAITING)
    try:
        found = os.fstat(descriptor)
        kind = stat.S_IFMT(found.st_mode)
        if kind != stat.S_IFREG:
            raise Unreadable(f"it is {_KINDS.get(kind, 'something else')}, not a file")
        if most is not None and found.st_size > most:
            raise Unreadable(f"{found.st_size} bytes; at most {most / MEGABYTE:g} MB are read")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: Path, most: int) -> bytes:
    """The content of an ordinary file of at most ``most`` bytes.

    Raises:
        Unreadable: it is something else, or larger.
        OSError: it is not there, or may not be read.
    """
    with open_regular(path, most) as file:
        content = file.read(most + 1)  # a file of /proc has no size before it is read
    if len(content) > most:
        raise Unreadable(f"at most {most / MEGABYTE:g} MB are read")
    return content
