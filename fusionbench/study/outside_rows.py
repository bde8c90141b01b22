"""Rows of a CSV file with predictions that were made elsewhere: one file, line by line, each line checked."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fusionbench.contract.errors import UserError, brief, nearest
from fusionbench.contract.reading import open_regular, reading

MOST_BYTES = 4_000_000_000
"""largest file that is read"""
_LONGEST_HEADER = 1_000_000
"""characters"""
_NEEDED = ("method", "seed", "clip", "truth")
_KNOWN = (*_NEEDED, "subject", "predicted")
_OR_SCORES = "predicted, or a column p(CLASS) for each class"
_SYNONYMS = {"id": "clip", "prediction": "predicted"}
"""what `fusionbench predictions` calls them"""
_PASSED_OVER = ("correct", "fold")
"""columns of that command that say nothing more"""
_DELIMITERS = ",;\t"
_OFF_ONE = 0.01
"""by how much probabilities may miss a sum of one; they are rounded when they are written"""


class Row(NamedTuple):
    """What one method, trained with one seed, said of one clip."""

    line: int
    method: str
    seed: str
    clip: str
    subject: str | None
    truth: str
    predicted: str | None
    """None where the file has scores alone"""
    scores: Sequence[float]
    """in the order of the header's classes; empty where it has none"""


@dataclass(frozen=True)
class Header:
    """What the columns of a file are."""

    file: Path
    delimiter: str
    columns: tuple[str, ...]
    places: dict[str, int]
    """``method``, ``seed``, ``clip``, ``truth``; ``subject`` and ``predicted`` where they are there"""
    classes: tuple[str, ...]
    """those that have a column of scores, in the columns' order"""
    score_places: tuple[int, ...]
    probabilities: bool
    """whether the scores stand in ``p(CLASS)``, and so have to be probabilities"""
    bare: bool
    """whether columns are called as their classes, with nothing around the name"""


def read_header(path: Path) -> Header:
    """The columns of a file, parted by comma, semicolon or tab, whichever the header has.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    with _opened(path) as text:
        first = text.readline(_LONGEST_HEADER)
        parsed = {delimiter: _names(first, delimiter) for delimiter in _DELIMITERS}
    if not first.strip():
        raise UserError(
            f"{path} is empty. Its first line names the columns: {', '.join(_NEEDED)}, predicted."
        )
    delimiter = max(_DELIMITERS, key=lambda one: len({*_KNOWN} & {*parsed[one]}))
    names = parsed[delimiter]
    where = f"{path}, line 1"
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{where}: {count_of(twice, 'column')} came twice: {', '.join(map(repr, twice))}.")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise UserError(
            f"{where}: column {missing[0]!r} is missing.{nearest(missing[0], names)} Columns here: "
            f"{brief(', '.join(names))}. Needed: {', '.join(_NEEDED)}, and {_OR_SCORES}."
        )
    return _sorted_out(path, delimiter, names)


def _names(line: str, delimiter: str) -> list[str]:
    """Names of columns; ours in any case and under the names that our export gives them."""
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    ours = [_SYNONYMS.get(name.lower(), name.lower()) for name in names]
    return [own if own in (*_KNOWN, *_PASSED_OVER) else name for own, name in zip(ours, names, strict=True)]


def _sorted_out(path: Path, delimiter: str, names: list[str]) -> Header:
    """Which columns hold scores: ``p(CLASS)`` before ``score_CLASS`` before any others."""
    places = {name: names.index(name) for name in _KNOWN if name in names}
    others = [name for name in names if name and name not in (*_KNOWN, *_PASSED_OVER)]
    stated = {name[2:-1]: name for name in others if name.startswith("p(") and name.endswith(")")}
    scored = {name.removeprefix("score_"): name for name in others if name.startswith("score_")}
    bare = {} if "predicted" in places else {name: name for name in others}
    columns = stated or scored or bare
    if not columns and "predicted" not in places:
        raise UserError(
            f"{path}, line 1: a column is missing: {_OR_SCORES}. Columns here: {', '.join(names)}."
        )
    return Header(
        path,
        delimiter,
        tuple(names),
        places,
        tuple(columns),
        tuple(names.index(column) for column in columns.values()),
        bool(stated),
        bool(bare) and columns is bare,
    )


def read_rows(header: Header) -> Iterator[Row]:
    """The rows of a file.

    Blanks around values are no part of them, empty lines are passed over. Where semicolons part
    the columns, numbers may have a decimal comma.

    Raises:
        UserError: the file cannot be read, or a line is at fault; it is named.
    """
    with _opened(header.file) as text:
        reader = csv.reader(text, delimiter=header.delimiter, strict=True)
        next(reader)
        while True:
            line = reader.line_num + 1  # a quoted text may go over several
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UserError(
                    f"{header.file}, line {line}: {error}. Quote texts with double quotes."
                ) from error
            if values:
                yield _row(header, values, line)


def _row(header: Header, values: list[str], line: int) -> Row:
    if len(values) != len(header.columns):
        raise UserError(
            f"{header.file}, line {line}: {len(values)} values for {len(header.columns)} columns. "
            "Quote texts that hold the delimiter."
        )
    texts = {name: values[place].strip() for name, place in header.places.items()}
    empty = [name for name, text in texts.items() if not text and name != "subject"]
    if empty:
        raise UserError(f"{header.file}, line {line}: {empty[0]} is empty.")
    scores = _scores(header, values, line) if header.classes else ()
    return Row(
        line, texts["method"], texts["seed"], texts["clip"], texts.get("subject") or None,
        texts["truth"], texts.get("predicted"), scores,
    )  # fmt: skip


def _scores(header: Header, values: list[str], line: int) -> list[float]:
    """Finite numbers; minus infinity is the logarithm of a class that was ruled out."""
    comma = header.delimiter == ";"
    scores = []
    for place in header.score_places:
        text = values[place]
        try:
            score = float(text.replace(",", ".") if comma else text)
        except ValueError:
            score = math.nan
        if math.isnan(score) or score == math.inf or (header.probabilities and not 0 <= score <= 1):
            what = "a probability, 0 to 1" if header.probabilities else "a number"
            column = header.columns[place]
            instead = (
                f" There is no column 'predicted'.{nearest('predicted', [column])}" if header.bare else ""
            )
            raise UserError(f"{header.file}, line {line}: {column!r} is {brief(text)}, not {what}.{instead}")
        scores.append(score)
    if max(scores) == -math.inf:
        raise UserError(f"{header.file}, line {line}: every score is minus infinity. One class is possible.")
    if header.probabilities and abs(math.fsum(scores) - 1) > _OFF_ONE:
        raise UserError(
            f"{header.file}, line {line}: the probabilities add up to {math.fsum(scores):.3g}, not to 1. "
            "Name columns of other scores score_CLASS."
        )
    return scores


def count_of(many: Sequence[object], what: str) -> str:
    """``1 clip``, ``2 clips``."""
    return f"{len(many)} {what}{'s' * (len(many) != 1)}"


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    """A file's text; whatever goes wrong in reading it is told with its name."""
    with reading("predictions", path, "Give a CSV file in UTF-8."), open_regular(path, MOST_BYTES) as file:
        yield io.TextIOWrapper(file, "utf-8-sig", newline="")
