"""The rules for importers: what is not theirs is refused and not run, what is theirs is read alike."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.checks.findings import Broken, Finding, Rule, Skipped, judge
from fusionbench.contract.errors import UserError
from fusionbench.contract.importer import Contents, Importer, SourceClip

_NO_SOURCE = "no source to read; name a file or folder of the format with --data-root PATH"
_SUFFIXES = ("", ".pkl", ".npz", ".npy", ".csv", ".arff", ".parquet", ".csd", ".json", ".txt", ".ts")
_GARBAGE = {"nothing": b"", "noise": bytes(range(256)) * 4, "text": b"not, what\nyou expect\n"}


class _Marking:
    """Leaves a mark when it is unpickled by whoever runs what a pickle says."""

    def __init__(self, mark: Path):
        self._mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self._mark,)


class ImporterTrial:
    """An importer with its options, a source to read (or none) and an empty folder to work in."""

    def __init__(self, cls: type[Importer], config: Any, source: Path | None, scratch: Path):
        self.cls, self.config, self.source, self.scratch = cls, config, source, scratch

    def read(self, source: Path) -> tuple[Contents, list[SourceClip]]:
        """What the source holds, with all its clips."""
        contents = self.cls(self.config).read(source)
        return contents, list(contents.clips)

    @cached_property
    def first(self) -> tuple[Contents, list[SourceClip]]:
        """What a first reading gives.

        Raises:
            Skipped: there is no source.
        """
        if self.source is None:
            raise Skipped(_NO_SOURCE)
        return self.read(self.source)


def importer_findings(cls: type[Importer], config: Any, source: Path | None) -> list[Finding]:
    """What became of every rule for an importer, on ``source`` where there is one."""
    with tempfile.TemporaryDirectory() as scratch:
        return judge(RULES, ImporterTrial(cls, config, source, Path(scratch)))


def refuses_what_is_not_its_own(trial: ImporterTrial) -> str:
    tried = [trial.scratch / "absent"]
    (trial.scratch / "empty").mkdir()
    tried.append(trial.scratch / "empty")
    for suffix in _SUFFIXES:
        for name, content in _GARBAGE.items():
            tried.append(trial.scratch / f"{name}{suffix}")
            tried[-1].write_bytes(content)
    for path in tried:
        try:
            _, clips = trial.read(path)
        except UserError as error:
            if path.name not in str(error):
                raise Broken(
                    f"{path.name!r} is refused with {str(error)!r}, which does not name it"
                ) from error
            continue
        if clips:
            raise Broken(f"{path.name!r} holds nothing of the format, and gave {len(clips)} clip(s)")
    return f"{len(tried)} sources refused"


def runs_nothing(trial: ImporterTrial) -> None:
    mark = trial.scratch / "mark"
    folder = trial.scratch / "hostile"
    folder.mkdir()
    hostile = _Marking(mark)
    holding = np.empty((), object)
    holding[()] = hostile
    for suffix in (".pkl", ".npz", ".npy"):
        file = folder / f"label{suffix}"
        if suffix == ".pkl":
            file.write_bytes(pickle.dumps({"train": hostile}))
        elif suffix == ".npz":
            np.savez(file, train_corpus=holding)
        else:
            np.save(file, holding, allow_pickle=True)
    for source in (folder, *sorted(folder.iterdir())):
        with contextlib.suppress(UserError):
            trial.read(source)
        if mark.exists():
            raise Broken(f"what a pickle in {source.name!r} asks for was run")


def gives_clips(trial: ImporterTrial) -> str:
    contents, clips = trial.first
    if not clips:
        raise Broken(f"read() gave no clip; {len(contents.left_out)} left out")
    for clip in clips:
        if not isinstance(clip, SourceClip) or not clip.id or not clip.streams:
            raise Broken(f"{clip!r:.80} is no fb.SourceClip with an id and streams")
        for name, values in clip.streams.items():
            if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiub":
                form = getattr(values, "shape", type(values).__name__)
                raise Broken(f"clip {clip.id!r}, stream {name!r} is {form}; expected numbers (time, dim)")
            times = clip.intervals.get(name)
            if times is not None and times.shape != (len(values), 2):
                raise Broken(
                    f"clip {clip.id!r}: intervals of {name!r} are {times.shape}, of {len(values)} frames"
                )
        unknown = set(clip.labels) - set(contents.labels)
        if unknown:
            raise Broken(f"clip {clip.id!r} has label {min(unknown)!r}, which Contents.labels does not list")
    twice = [name for name, count in Counter(clip.id for clip in clips).items() if count > 1]
    if twice:
        raise Broken(f"{len(twice)} id(s) are given to more than one clip, such as {twice[0]!r}")
    if contents.total is not None and contents.total != len(clips) + len(contents.left_out):
        raise Broken(
            f"total is {contents.total}; {len(clips)} clips came and {len(contents.left_out)} were left out"
        )
    return f"{len(clips)} clips, {len(contents.left_out)} left out"


def names_its_files(trial: ImporterTrial) -> str:
    contents, _ = trial.first
    if not contents.files or not all(Path(file).is_file() for file in contents.files):
        raise Broken(f"files is {list(contents.files)[:3]!r}; expected every file that is read")
    return f"{len(contents.files)} file(s)"


def reads_alike(trial: ImporterTrial) -> None:
    _, first = trial.first
    assert trial.source is not None
    _, second = trial.read(trial.source)
    same = len(first) == len(second) and all(
        _equal(one, other) for one, other in zip(first, second, strict=True)
    )
    if not same:
        raise Broken("a second reading gave other clips, or another order")


def _equal(one: SourceClip, other: SourceClip) -> bool:
    if (one.id, one.split, one.subject, list(one.streams)) != (
        other.id,
        other.split,
        other.subject,
        list(other.streams),
    ):
        return False
    return all(np.array_equal(one.streams[n], other.streams[n], equal_nan=True) for n in one.streams)


RULES: list[Rule[ImporterTrial]] = [
    Rule(
        "what is not of its format is refused by name",
        refuses_what_is_not_its_own,
        "read inside of fb.reading(what, path, advice), which turns whatever goes wrong into a UserError",
    ),
    Rule(
        "nothing that a source asks for is run",
        runs_nothing,
        "read pickles with fb.read_pickle, archives with fb.read_npz, arrays with allow_pickle=False",
    ),
    Rule(
        "read() gives clips with ids of their own and streams (time, dim)",
        gives_clips,
        "give fb.SourceClip(id, streams, labels, ...), with labels that Contents.labels lists",
        essential=True,
    ),
    Rule("the files that are read are named", names_its_files, "list them in Contents.files"),
    Rule("reading again gives the same clips", reads_alike, "sort what the file system lists"),
]
