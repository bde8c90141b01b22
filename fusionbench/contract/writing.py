"""Single files that are written: refused before work begins where they cannot be; whole or absent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fusionbench.contract.errors import UserError


def form_of(path: Path) -> str:
    """The form of a file that its suffix names: ``png``."""
    return path.suffix.lower().removeprefix(".")


def check_path(path: Path, what: str, forms: Sequence[str]) -> None:
    """Says whether a file can be written to ``path``, before anything is computed for it.

    Args:
        path: where.
        what: kind of file with its article, as in ``a figure``.
        forms: suffixes that choose one.

    Raises:
        UserError: the suffix names no form, or the folder is missing or cannot be written.
    """
    if form_of(path) not in forms:
        listed = ", ".join(f".{form}" for form in forms)
        came = f"{path.suffix} is none" if path.suffix else "there is no suffix"
        raise UserError(f"{what}'s suffix chooses its format; of {str(path)!r} {came}. Formats: {listed}.")
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{what} cannot be written to {path}: that is no file. Name another.")
        if not path.parent.is_dir():
            raise UserError(f"{what} cannot be written to {path}: no folder {path.parent}. Make it first.")
        aside = _aside(path)
        aside.touch()
        aside.unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{what} cannot be written to {path}: {reason}. Name another folder.") from error


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file to fill beside ``path``, which takes its place when the block ends well.

    Raises:
        OSError: it cannot be written; with the name of ``path``.
    """
    aside = _aside(path)
    try:
        yield aside
        aside.replace(os.path.realpath(path))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    """A hidden name beside the file, this process's own."""
    return Path(os.path.realpath(path)).with_name(f".fusionbench-{os.getpid()}")
