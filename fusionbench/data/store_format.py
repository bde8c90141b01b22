"""The form of a store's folder: what ``store.json`` says, and how its content is hashed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from fusionbench.contract.hashing import canonical
from fusionbench.data.array_file import LABELS
from fusionbench.data.index import Record
from fusionbench.data.reading import MOST_BYTES, Damaged, open_regular, reading, text_of

SCHEMA = 3
"""version of the folder's form; a reader refuses newer ones. 1 hashed texts joined by tabs; 3 is 2 with
labels of single frames, and only stores that have them say 3, so that older readers open the others"""

BESIDE = "beside"
"""in ``made``: names of folders that were written into the store for people to look at"""
DESCRIPTION, INDEX = "store.json", "index.csv"
ARRAY_NAME = re.compile(r"\w[\w-]*")
Kind = Literal["frames", "maps", "streams"]


class Foreign(Exception):
    """What a folder is instead of a store that can be read here, and what to do about it."""


class Description(BaseModel):
    """What ``store.json`` holds."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)

    version: int = Field(alias="schema", ge=1)
    kind: Kind
    content_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    stand_in: bool
    arrays: Annotated[list[str], Field(min_length=1)]
    """names, in order"""
    labels: list[str] = []
    """names of the labels of single frames, in the order of their numbers; empty where clips have labels"""
    made: dict[str, Any]
    """how it was made: source, preparation, components, weights"""

    @property
    def splits(self) -> tuple[str, ...] | None:
        """The only names of splits there may be; None = any."""
        return ("", "train", "report") if self.version == 1 else None

    def text(self) -> str:
        """As it is written."""
        unlabelled = None if self.labels else {"labels"}
        return json.dumps(self.model_dump(by_alias=True, exclude=unlabelled), indent=2) + "\n"


def array_file(name: str) -> str:
    """The file of the array ``name``."""
    return f"{name}.npy"


@contextmanager
def open_description(folder: Path) -> Iterator[BinaryIO]:
    """A store's ``store.json``, open.

    Raises:
        Foreign: there is none.
    """
    with ExitStack() as stack:
        with _foreign(), reading(folder / DESCRIPTION):
            file = stack.enter_context(open_regular(folder / DESCRIPTION, MOST_BYTES))
        yield file


def read_description(file: BinaryIO) -> Description:
    """Read ``store.json`` and check every field of it.

    Raises:
        Foreign: it describes no store, or one of a schema that is not known here.
        Damaged: a field is missing or wrong; it is named.
    """
    about = _parsed(file)
    if about["schema"] > SCHEMA:
        raise Foreign(
            f"has store schema {about['schema']}; this fusionbench reads up to {SCHEMA}. "
            "A newer version wrote it: upgrade fusionbench, or delete the folder if it is a cache."
        )
    with reading(Path(file.name)):
        description = Description.model_validate(about)
    wrong = [name for name in description.arrays if not ARRAY_NAME.fullmatch(name)]
    if wrong:
        raise Damaged(f"{DESCRIPTION}: arrays: {wrong[0]!r} is no name of an array")
    if len(set(description.arrays)) != len(description.arrays):
        raise Damaged(f"{DESCRIPTION}: arrays: a name comes twice in {', '.join(description.arrays)}")
    return description


@contextmanager
def _foreign() -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        raise Foreign(
            f"is no store: no readable {DESCRIPTION} in it ({error}). "
            "Give the folder that write_stream_store wrote, or delete it if a cache."
        ) from error


def _parsed(file: BinaryIO) -> dict[str, Any]:
    with _foreign(), reading(Path(file.name)):
        about = json.loads(text_of(file))
        if not isinstance(about, dict) or type(about.get("schema")) is not int:
            raise Damaged(f"{DESCRIPTION} names no schema")
        return about


def kind_of(folder: Path) -> str | None:
    """The kind of store that a folder holds, whole or damaged; None where it holds none."""
    try:
        with open_description(folder) as file:
            return _parsed(file).get("kind")
    except Foreign:
        return None


def written_files(folder: Path) -> frozenset[str]:
    """Names of the files that a store's writer wrote in ``folder``; whatever else is there is the user's."""
    try:
        with open_description(folder) as file:
            about = _parsed(file)
    except Foreign:
        about = {}
    made = about.get("made")
    arrays, beside = about.get("arrays"), made.get(BESIDE) if isinstance(made, dict) else None
    named = arrays if isinstance(arrays, list) else []
    folders = [str(name) for name in beside] if isinstance(beside, list) else []
    files = [array_file(str(name)) for name in [*named, LABELS]]
    return frozenset([DESCRIPTION, INDEX, *files, *folders])


def content_hash(
    version: int,
    kind: str,
    stand_in: bool,
    arrays: Mapping[str, tuple[tuple[int, ...], np.dtype, str]],
    records: Iterable[Record],
    labels: Sequence[str] = (),
) -> str:
    """SHA-256 over the arrays and what the index says of each clip but its path on this machine.

    Args:
        version: schema whose formula is used.
        kind: of the store.
        stand_in: whether it was made from generated data.
        arrays: name -> lengths without the rows, type and SHA-256 of its numbers; their order
            counts: heads are built by it.
        records: the index.
        labels: names of the labels of single frames; their numbers are one of the arrays.
    """
    total = hashlib.sha256()
    for line in _lines(version, kind, stand_in, arrays, records):
        total.update(line.encode() + b"\n")
    if labels:
        total.update(canonical(list(labels)).encode())
    return total.hexdigest()


def _lines(
    version: int,
    kind: str,
    stand_in: bool,
    arrays: Mapping[str, tuple[tuple[int, ...], np.dtype, str]],
    records: Iterable[Record],
) -> Iterator[str]:
    if version == 1:
        for name, (lengths, dtype, numbers) in arrays.items():
            yield f"{name} {(lengths, dtype)} {numbers}"
        for record in records:
            yield "\t".join(record[:-1])
        return
    yield canonical([version, kind, stand_in])
    # JSON has no line break outside of texts, and in them it is escaped: lines cannot run together.
    yield canonical([[name, list(form[0]), form[1].str, form[2]] for name, form in arrays.items()])
    encode = json.JSONEncoder().encode
    for record in records:
        yield encode(record[:-1])
