"""The boundary of whatever is read from disk: regular files only, and one error that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from fusionbench.contract import reading as contract

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


@contextmanager
def open_regular(path: Path, most: int | None = None) -> Iterator[BinaryIO]:
    """A regular file, open for reading; what could block or never end is refused at once.

    Args:
        path: file, or a link to one.
        most: largest size in bytes; None allows any.

    Raises:
        Damaged: it is a folder, a pipe, a device, or larger.
        OSError: it cannot be opened.
    """
    try:
        file = contract.open_regular(path, most)
    except contract.Unreadable as error:
        raise Damaged(f"{path.name}: {error}") from error
    with file:
        yield file


def text_of(file: BinaryIO) -> str:
    """The whole of a UTF-8 file, with or without a byte-order mark."""
    return file.read().decode("utf-8-sig")


def read_text(path: Path) -> str:
    """A description, read whole.

    Raises:
        Damaged: it is no regular file, or too large.
        Exception: whatever else goes wrong.
    """
    with open_regular(path, MOST_BYTES) as file:
        return text_of(file)
