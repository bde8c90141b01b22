"""Predictions that were made elsewhere: files of many methods and seeds, aligned on the same clips."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fusionbench.contract.errors import UserError, brief, nearest
from fusionbench.data.findings import listed
from fusionbench.data.labels import in_order
from fusionbench.study.outside_rows import Header, Row, count_of, read_header, read_rows

MOST_ROWS = 10_000_000
"""lines of all files together"""
_PROBABILITIES = 1e-3
"""how far a clip's scores may be from a sum of one to be taken for probabilities"""


@dataclass(frozen=True)
class Said:
    """What one method, trained with one seed, said of every clip."""

    predicted: np.ndarray
    """``(clips,)`` int64 class numbers"""
    log_probabilities: np.ndarray | None
    """``(clips, classes)`` float32; None where no scores were given"""


@dataclass(frozen=True)
class OutsidePredictions:
    """Predictions of several methods, every one of them of the same clips."""

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    """clips, sorted"""
    subjects: tuple[str | None, ...]
    """who each clip shows; None = not known"""
    truth: np.ndarray
    """``(clips,)`` int64 class numbers"""
    methods: Mapping[str, Mapping[str, Said]]
    """method, in the order they came -> seed, sorted -> what was said"""


@dataclass
class _Group:
    """The lines of one method and seed, as they come."""

    name: str
    header: Header
    places: array[int] = field(default_factory=lambda: array("q"))
    """number of the clip"""
    predicted: array[int] = field(default_factory=lambda: array("q"))
    """number of the label"""
    scores: array[float] = field(default_factory=lambda: array("d"))
    seen: bytearray = field(default_factory=bytearray)


class _Collected:
    """All lines of all files, names as numbers."""

    def __init__(self) -> None:
        self.clips: dict[str, int] = {}
        self.labels: dict[str, int] = {}
        self.truth = array("q")
        self.subjects: list[str | None] = []
        self.groups: dict[tuple[str, str], _Group] = {}
        self.rows = 0
        self.named: dict[str, dict[str, str]] = {"truth": {}, "predicted": {}}
        """label that was true, or predicted -> the line where it first was"""

    def add(self, header: Header, row: Row) -> None:
        """Take one line.

        Raises:
            UserError: it does not agree with an earlier one, or is one too many.
        """
        self.rows += 1
        where = f"{header.file}, line {row.line}"
        if self.rows > MOST_ROWS:
            raise UserError(
                f"{where}: more than {MOST_ROWS:,} lines. So many are judged at once; leave some out."
            )
        clip = self._clip(row, where)
        name = f"method {row.method!r}, seed {row.seed}"
        group = self.groups.setdefault((row.method, row.seed), _Group(name, header))
        if group.header.classes != header.classes:
            raise UserError(f"{where}: {name} has other columns of scores here than in {group.header.file}.")
        if clip < len(group.seen) and group.seen[clip]:
            raise UserError(f"{where}: {name}, clip {row.clip!r} came before. Each is judged once.")
        group.seen.extend(bytes(max(0, clip + 1 - len(group.seen))))
        group.seen[clip] = 1
        group.places.append(clip)
        said = row.predicted
        if said is None:
            said = header.classes[max(range(len(row.scores)), key=row.scores.__getitem__)]
        else:
            self.named["predicted"].setdefault(said, where)
        group.predicted.append(self._label(said))
        group.scores.extend(row.scores)

    def _clip(self, row: Row, where: str) -> int:
        label = self._label(row.truth)
        clip = self.clips.setdefault(row.clip, len(self.clips))
        if clip == len(self.subjects):
            self.named["truth"].setdefault(row.truth, where)
            self.truth.append(label)
            self.subjects.append(row.subject)
            return clip
        if self.truth[clip] != label:
            before = list(self.labels)[self.truth[clip]]
            raise UserError(
                f"{where}: the truth of clip {row.clip!r} is {row.truth!r}, but {before!r} before."
            )
        known = self.subjects[clip]
        if row.subject and known and row.subject != known:
            raise UserError(
                f"{where}: the subject of clip {row.clip!r} is {row.subject!r}, but {known!r} before."
            )
        self.subjects[clip] = known or row.subject
        return clip

    def _label(self, text: str) -> int:
        return self.labels.setdefault(text, len(self.labels))


def read_predictions(paths: Iterable[Path | str], classes: Sequence[str] | None = None) -> OutsidePredictions:
    """Read CSV files of predictions; methods and seeds may be spread over them in any way.

    Columns are ``method``, ``seed``, ``clip``, ``truth``, ``subject`` where persons are known, and
    ``predicted``, or scores: ``p(CLASS)`` for probabilities, ``score_CLASS`` or a column called
    as the class for probabilities or logits. Without ``predicted`` the class with the largest
    score is it.

    Args:
        paths: the files.
        classes: names of all classes; None = those that occur as truth or have a column of scores.

    Raises:
        UserError: a file or line is malformed, methods were judged on different clips, or there is
            only one method.
    """
    files = [Path(path).expanduser() for path in paths]
    if not files:
        raise UserError("no file of predictions was given. Name one CSV file or more.")
    found = _Collected()
    headers = [read_header(file) for file in files]
    for header in headers:
        before = found.rows
        for row in read_rows(header):
            found.add(header, row)
        if found.rows == before:
            raise UserError(f"{header.file} holds no line but that with the names of the columns.")
    names = in_order(classes) if classes else _classes(found, headers)
    _refuse_unknown_classes(found, headers, names)
    _refuse_other_clips(found)
    methods = list(dict.fromkeys(method for method, _ in found.groups))
    if len(methods) < 2:
        raise UserError(f"all lines are of one method, {methods[0]!r}. A verdict is about two or more.")
    order = sorted(found.clips)
    places = np.array([found.clips[clip] for clip in order], dtype=np.int64)
    number = np.array([names.index(label) for label in found.labels], dtype=np.int64)
    return OutsidePredictions(
        classes=names,
        ids=tuple(order),
        subjects=tuple(found.subjects[place] for place in places),
        truth=number[np.array(found.truth)[places]],
        methods={
            method: {
                seed: _said(found.groups[method, seed], number, places, names)
                for seed in in_order(s for m, s in found.groups if m == method)
            }
            for method in methods
        },
    )


def _classes(found: _Collected, headers: Sequence[Header]) -> tuple[str, ...]:
    """Labels that occur as truth, and those that have a column ``p(CLASS)`` or ``score_CLASS``."""
    scored = {name for header in headers if not header.bare for name in header.classes}
    return in_order(found.named["truth"].keys() | scored)


def _refuse_unknown_classes(found: _Collected, headers: Sequence[Header], classes: tuple[str, ...]) -> None:
    """Every class that is named is one, and every file with scores has those of all classes."""
    allowed = f"Classes: {brief(', '.join(classes))}."
    for header in headers:
        for name in header.classes:
            if name not in classes:
                raise UserError(
                    f"{header.file}, line 1: column {name!r} is none that is known, and no clip is of such a "
                    f"class.{nearest(name, classes)} {allowed} If it is one, call it score_{name}."
                )
        missing = [name for name in classes if header.classes and name not in header.classes]
        if missing:
            raise UserError(
                f"{header.file}, line 1: there are scores, but none of class {missing[0]!r}. {allowed}"
            )
    for column, labels in found.named.items():
        for label, where in labels.items():
            if label not in classes:
                raise UserError(
                    f"{where}: {column} is {label!r}, which is no class.{nearest(label, classes)} {allowed} "
                    "Classes that no clip is of are known by columns p(CLASS)."
                )


def _refuse_other_clips(found: _Collected) -> None:
    """Every method and seed was judged on the same clips as the first."""
    clips = list(found.clips)
    groups = iter(found.groups.values())
    first = next(groups)
    expected = set(first.places)
    for group in groups:
        lacks, more = expected - set(group.places), set(group.places) - expected
        if lacks or more:
            told = [
                f"{count_of(some, 'clip')} {word}: {listed([clips[k] for k in sorted(some)])}"
                for some, word in ((sorted(lacks), "missing"), (sorted(more), "more"))
                if some
            ]
            raise UserError(
                f"{group.header.file}: {group.name} is judged on other clips than {first.name}: "
                f"{'; '.join(told)}. Methods are compared on the same clips only."
            )


def _said(group: _Group, number: np.ndarray, places: np.ndarray, classes: tuple[str, ...]) -> Said:
    """The lines of a group in the order of the clips."""
    row = np.empty(len(places), dtype=np.int64)
    row[np.array(group.places)] = np.arange(len(places))
    row = row[places]
    predicted = number[np.array(group.predicted)[row]]
    header = group.header
    if not header.classes:
        return Said(predicted, None)
    columns = [header.classes.index(name) for name in classes]
    scores = np.array(group.scores).reshape(len(row), -1)[row][:, columns]
    return Said(predicted, _log_probabilities(scores, header.probabilities))


def _log_probabilities(scores: np.ndarray, stated: bool) -> np.ndarray:
    """``(clips, classes)`` float32 of probabilities, or else of logits.

    Scores are taken for probabilities where their column says so, or all of them are: none is
    negative, and each clip's add up to one.
    """
    total = scores.sum(axis=1, keepdims=True)
    if stated or ((scores >= 0).all() and (np.abs(total - 1) <= _PROBABILITIES).all()):
        with np.errstate(divide="ignore"):
            return np.log(scores / total).astype(np.float32)
    shifted = scores - scores.max(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs.astype(np.float32)
