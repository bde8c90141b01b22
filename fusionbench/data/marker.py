"""The mark that generated data carry, so that nobody takes them for real wherever they are moved."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from fusionbench.contract.errors import UserError
from fusionbench.data.reading import Damaged, read_text, reading

FILE_NAME = "STAND-IN.json"
KIND = "stand-in"
LEVELS = 2
"""how far above and below a data root a marker is looked for"""


@dataclass(frozen=True)
class Marker:
    """What generated data say about themselves."""

    dataset: str
    generator: int
    """version of the drawings"""
    seed: int
    published: Mapping[str, int]
    """``split/label`` -> number of clips that were generated"""


def write_marker(root: Path, marker: Marker) -> None:
    """Mark a folder and each folder in it, so that a part moved away is still marked."""
    text = json.dumps({"kind": KIND, **asdict(marker)}, indent=2) + "\n"
    for folder in [root, *_folders(root)]:
        (folder / FILE_NAME).write_text(text, encoding="utf-8")


def read_marker(root: Path) -> Marker | None:
    """The marker of generated data, or None where the data are real.

    Looked for in ``root``, in two levels of folders above it and in two below, so
    that it is also found where a user names a part of the data or a folder around it.

    Raises:
        UserError: a marker is there but cannot be read; the data must not pass for real.
    """
    for folder in _nearby(Path(root)):
        path = folder / FILE_NAME
        if os.path.lexists(path):
            return _parse(path)
    return None


def _parse(path: Path) -> Marker:
    try:
        with reading(path):
            fields = json.loads(read_text(path))
            if fields.pop("kind") != KIND:
                raise ValueError(f"kind is not {KIND!r}")
            return TypeAdapter(Marker).validate_json(json.dumps(fields), strict=True)
    except Damaged as error:
        raise UserError(
            f"{path} marks generated data but is damaged ({error}). Delete the data and generate them again."
        ) from error


def _nearby(root: Path) -> Iterator[Path]:
    whole = root.resolve()
    yield whole
    yield from whole.parents[:LEVELS]
    level = [whole]
    for _ in range(LEVELS):
        level = [inner for folder in level for inner in _folders(folder)]
        yield from level


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:  # none, or one that nothing can be read from
        return []
