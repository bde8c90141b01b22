"""openSMILE's files: ``.arff`` and ``.csv``, functionals of a recording or one row a frame.

An ``.arff`` begins with ``@attribute name string``, perhaps ``frameTime``, then the numbers, then
``class``; values are parted by commas, ``?`` is a missing one. A ``.csv`` has a header, parts by
semicolons and quotes names singly.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fusionbench as fb

from .lines import LONGEST, lines_of
from .rows import open_rows

SUFFIXES = (".arff", ".csv")
NOT_FEATURES = ("name", "frameIndex", "frameTime", "file", "start", "end")
_FEATURES = ("numeric", "real", "integer")


@dataclass(frozen=True)
class _Recording:
    """The rows of one recording."""

    values: np.ndarray
    """``(time, dim)``"""
    labels: Mapping[str, Any]


class OpenSmile(fb.Importer):
    """openSMILE's .arff and .csv: a file a stream, rows of one `name` a clip.

    The source is a file, or a folder of files that name the same recordings (egemaps.arff,
    compare.arff): each is a stream called as the file. All is held in memory. Labels are `class` and
    other nominal attributes of an .arff, or come from --clips.
    """

    name = "opensmile"

    def read(self, source: Path) -> fb.Contents:
        files = [source]
        if source.is_dir():
            files = sorted(file for file in source.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise fb.UserError(f"{source} holds neither .arff nor .csv files.")
        held = {}
        for file in files:
            with fb.reading("openSMILE's", file, "Expected is an .arff or .csv file that SMILExtract wrote."):
                held[file.stem] = _recordings(file)
        names = dict.fromkeys(name for recordings in held.values() for name in recordings)
        labels = dict.fromkeys(
            label for recordings in held.values() for one in recordings.values() for label in one.labels
        )
        found = fb.Contents((), files, len(names), list(labels))
        found.clips = _clips(names, held, found)
        return found


def _clips(
    names: Mapping[str, None], held: Mapping[str, Mapping[str, _Recording]], found: fb.Contents
) -> Iterator[fb.SourceClip]:
    for name in names:
        absent = [stream for stream, recordings in held.items() if name not in recordings]
        if absent:
            found.left_out.append(fb.Problem(name, f"{absent[0]} has no row for it"))
            continue
        labels: dict[str, Any] = {}
        for recordings in held.values():
            labels |= {k: v for k, v in recordings[name].labels.items() if labels.get(k) is None}
        yield fb.SourceClip(
            name, {stream: recordings[name].values for stream, recordings in held.items()}, labels
        )


def _recordings(file: Path) -> dict[str, _Recording]:
    """Name -> its rows, in the order of the file."""
    rows = _arff(file) if file.suffix.lower() == ".arff" else _csv(file)
    values: dict[str, list[list[float]]] = {}
    labels: dict[str, dict[str, Any]] = {}
    for name, numbers, said in rows:
        values.setdefault(name, []).append(numbers)
        if labels.setdefault(name, said) != said:
            raise fb.Unreadable(f"{name!r} is labelled {labels[name]} and {said}")
    if not values:
        raise fb.Unreadable("it has no row")
    return {name: _Recording(np.array(rows), labels[name]) for name, rows in values.items()}


def _arff(file: Path) -> Iterator[tuple[str, list[float], dict[str, Any]]]:
    attributes: list[tuple[str, str]] = []
    data = False
    for number, line in lines_of(file, "%"):
        lower = line.lower()
        if not data and lower.startswith("@attribute"):
            attributes.append(_attribute(line, number))
        elif not data:
            data = lower.startswith("@data")
            if not lower.startswith(("@data", "@relation")):
                raise fb.Unreadable(f"line {number}: {line[:30]!r} is no line of an .arff header")
        else:
            (cells,) = csv.reader([line], quotechar="'", skipinitialspace=True)
            if len(cells) != len(attributes):
                raise fb.Unreadable(f"line {number}: {len(cells)} values for {len(attributes)} attributes")
            yield _row(dict(zip([a for a, _ in attributes], cells, strict=True)), dict(attributes), number)
    if not data:
        raise fb.Unreadable("it has no line @data")


def _row(
    cells: Mapping[str, str], kinds: Mapping[str, str], number: int
) -> tuple[str, list[float], dict[str, Any]]:
    try:
        numbers = [
            np.nan if cells[name] == "?" else float(cells[name])
            for name, kind in kinds.items()
            if kind in _FEATURES and name not in NOT_FEATURES and name != "class"
        ]
    except ValueError as error:
        raise fb.Unreadable(f"line {number}: {error}") from error
    if not numbers:
        raise fb.Unreadable("it has no numeric attribute")
    said = {n: None if cells[n] == "?" else cells[n] for n, kind in kinds.items() if kind == "nominal"}
    if "class" in kinds:
        said["class"] = None if cells["class"] == "?" else _number_or_text(cells["class"])
    return cells.get("name") or f"row-{number}", numbers, said


def _attribute(line: str, number: int) -> tuple[str, str]:
    """``@attribute F0 numeric`` -> (name, kind)."""
    rest = line[len("@attribute") :].strip()
    if rest.startswith("'"):
        name, _, kind = rest[1:].partition("'")
    else:
        name, _, kind = rest.replace("\t", " ").partition(" ")
    kind = kind.strip()
    if not name or not kind:
        raise fb.Unreadable(f"line {number}: an attribute has no name or no type")
    return name, "nominal" if kind.startswith("{") else kind.split()[0].lower()


def _csv(file: Path) -> Iterator[tuple[str, list[float], dict[str, Any]]]:
    with fb.open_regular(file) as content:
        delimiter = ";" if b";" in content.readline(LONGEST) else ","
    rows = open_rows(file, delimiter)
    name = next((column for column in ("name", "file") if column in rows.names), None)
    if name is None:
        raise fb.Unreadable("it has no column 'name'; give -instname when openSMILE writes it")
    numbers = [column for column in rows.names if column not in NOT_FEATURES and column]
    if not numbers:
        raise fb.Unreadable("it has no column of numbers")
    for batch in rows.batches(numbers, [name]):
        values = np.stack([batch[column] for column in numbers], axis=1)
        for recording, row in zip(batch[name], values.tolist(), strict=True):
            yield str(recording), row, {}


def _number_or_text(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [OpenSmile]
