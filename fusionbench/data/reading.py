"""The boundary of whatever is read from disk: regular files only, and one error that names the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

MOST_BYTES = 64 << 20
"""largest description that is read whole"""


class Damaged(ValueError):
    """What is wrong with a file, its name first."""


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Whatever goes wrong in the block becomes one ``Damaged`` with the file's name.

    Raises:
        Damaged: in place of any exception.
    """
    try:
        yield
    except Damaged:
        raise
    except FileNotFoundError as error:
        raise Damaged(f"{file.name} is missing") from error
    except OSError as error:
        raise Damaged(f"{file.name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Damaged(f"{file.name} is no UTF-8 text: {error.reason} at byte {error.start}") from error
    except (RecursionError, MemoryError) as error:
        raise Damaged(f"{file.name} asks for more than fits in memory ({type(error).__name__})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise Damaged(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except Exception as error:
        raise Damaged(f"{file.name}: {error or type(error).__name__}") from error


def open_regular(path: Path, most: int | None = None) -> BinaryIO:
    """Open a regular file for reading; what could block or never end is refused at once.

    Args:
        path: file, or a link to one.
        most: largest size in bytes.

    Raises:
        Damaged: it is a folder, a pipe, a device, or larger.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or device"
            raise Damaged(f"{path.name} is {kind}, not a file")
        if most is not None and found.st_size > most:
            raise Damaged(f"{path.name} has {found.st_size} bytes; at most {most} are read")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """A UTF-8 file as text, with or without a byte-order mark.

    Raises:
        Damaged: it is no regular file, too large, or no UTF-8.
        OSError: it cannot be read.
    """
    with open_regular(path, most) as file:
        return file.read().decode("utf-8-sig")
