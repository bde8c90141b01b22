"""Sets what is on disk against what was published, and looks for leaks and damaged numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.bench.equal_files import equal_files
from fusionbench.bench.parts import LEAK, Parts, fold_findings, leak, leak_message
from fusionbench.bench.source import scan
from fusionbench.catalog.run_config import Chosen, DataOptions
from fusionbench.contract.class_names import kept_classes
from fusionbench.contract.dataset import Clip, Dataset, Inventory, Problem
from fusionbench.contract.errors import BadClip, UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.checks import check_names, check_streams
from fusionbench.data.findings import Finding
from fusionbench.data.labels import in_order
from fusionbench.data.splits import is_reported
from fusionbench.data.store import Store, verify_store
from fusionbench.data.stream_store import noted, open_stream_store, train_labels


@dataclass(frozen=True)
class PartSize:
    """One split, as the dataset itself parts its clips."""

    name: str
    clips: int
    subjects: int | None
    """None where no clip of it names one"""
    classes: dict[str, int]
    """label -> clips, in the order of the classes"""


@dataclass(frozen=True)
class FoldSize:
    """One of several folds: clips of each part, and what is reported on of each class."""

    name: str
    train: int
    selection: int
    report: int
    subjects: int | None
    """who are reported on; None where no clip names one"""
    classes: dict[str, int]
    """label -> clips that are reported on, or frames where those are labelled, in the order of the classes"""


@dataclass(frozen=True)
class StreamSize:
    """One stream of a store."""

    name: str
    width: int
    shortest: int
    """frames"""
    median: float
    longest: int


@dataclass(frozen=True)
class Verified:
    """What was found of a dataset."""

    dataset: str
    root: Path
    stand_in: bool
    inventory: Inventory
    parts: tuple[PartSize, ...] = ()
    folds: tuple[FoldSize, ...] = ()
    """where there are several"""
    streams: tuple[StreamSize, ...] = ()
    """of a store of streams; else none"""
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is missing, damaged or leaking; what is merely told does not count."""
        return not self.inventory.problems and not any(finding.wrong for finding in self.findings)

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "stand_in": self.stand_in,
            "sound": self.sound,
            "found": self.inventory.found,
            "published": dict(self.inventory.published),
            "parts": [asdict(part) for part in self.parts],
            "folds": [asdict(fold) for fold in self.folds],
            "streams": [asdict(stream) for stream in self.streams],
            "findings": [finding.plain() for finding in self.findings],
            "problems": [asdict(problem) for problem in self.inventory.problems],
        }


def verify(chosen: Chosen, root: Path | None, decode: bool, watch: Watch) -> Verified:
    """Scan a dataset and examine its parts and streams; with ``decode`` also decode every clip.

    Raises:
        UserError: the dataset is not there.
    """
    dataset, inventory, stand_in = scan(chosen, DataOptions(root=root), Watch())
    if decode:
        unreadable = []
        for done, clip in enumerate(inventory.clips):
            watch.progress("decoding clips", done, len(inventory.clips))
            try:
                dataset.read(clip)
            except BadClip as error:
                unreadable.append(Problem(clip.id, str(error)))
        watch.progress("decoding clips", len(inventory.clips), len(inventory.clips))
        inventory = replace(inventory, problems=(*inventory.problems, *unreadable))
    if dataset.precomputed:
        dataset.classes = kept_classes(chosen.options, train_labels(open_stream_store(dataset.root)))
    judged = list(filter(None, (clip.of(dataset.classes) for clip in inventory.clips)))
    parts, found = _parts(dataset, judged)
    streams: tuple[StreamSize, ...] = ()
    if dataset.precomputed:
        verify_store(dataset.root, watch)  # anew, whatever is remembered of it
        store = open_stream_store(dataset.root)
        streams = _stream_sizes(store)
        found += [*noted(store), *check_streams(store.index, store.arrays)]
    found += check_names(inventory.clips)
    found += [Finding("files", f"{note.clip}: {note.reason}") for note in inventory.notes]
    found += equal_files(dataset.root, () if dataset.precomputed else inventory.clips)
    found += _short_of(inventory, dataset.classes)
    return Verified(
        chosen.plugin,
        dataset.root,
        stand_in,
        inventory,
        part_sizes(inventory.clips),
        _fold_sizes(parts) if len(parts) > 1 else (),
        streams,
        tuple(found),
    )


def _short_of(inventory: Inventory, classes: Sequence[str]) -> list[Finding]:
    """Splits and classes of which fewer clips were found than were published, of those that are kept."""
    found = inventory.found
    short = [
        f"{key.removeprefix('/')} {found.get(key, 0)} of {count}"
        for key, count in inventory.published.items()
        if found.get(key, 0) < count and key.rpartition("/")[2] in classes
    ]
    if not short:
        return []
    return [Finding("missing", f"fewer clips than were published: {', '.join(short)}.", wrong=True)]


def _parts(dataset: Dataset, clips: Sequence[Clip]) -> tuple[dict[str, Parts], list[Finding]]:
    """The parts of each fold and what a run would say of them; of all splits where a run has to choose."""
    try:
        folds = dataset.folds(clips)
    except UserError as error:
        asked = bool(dataset.config.model_fields_set)  # else a run has a choice to make
        return {}, [Finding("parts", str(error), wrong=asked), *_split_leaks(clips)]
    try:
        return fold_findings(folds, {clip.id: clip for clip in clips}, dataset.protocol)
    except UserError as error:
        return {}, [Finding("parts", str(error), wrong=True), *_split_leaks(clips)]


def _fold_sizes(parts: Mapping[str, Parts]) -> tuple[FoldSize, ...]:
    sizes = []
    for name, part in parts.items():
        labels = Counter(label for clip in part.report for label in clip.judged)
        people = len({clip.subject for clip in part.report if clip.subject})
        counts = (len(part.train), len(part.selection), len(part.report))
        classes = {label: labels[label] for label in in_order(labels)}
        sizes.append(FoldSize(name, *counts, people or None, classes))
    return tuple(sizes)


def _split_leaks(clips: Sequence[Clip]) -> list[Finding]:
    """Each part that could be reported on, against those that are trained or selected on."""
    known = [clip for clip in clips if not is_reported(clip.split)]
    found = []
    for part in sorted({clip.split for clip in clips if is_reported(clip.split)}):
        shared = leak(known, [clip for clip in clips if clip.split == part])
        if shared:
            found.append(Finding(LEAK, f"part {part!r}: {leak_message(shared)}", wrong=True))
    return found


def part_sizes(clips: Sequence[Clip]) -> tuple[PartSize, ...]:
    """The splits that clips name, in their order, with people and classes."""
    sizes = []
    for name in dict.fromkeys(clip.split for clip in clips):
        part = [clip for clip in clips if clip.split == name]
        labels = Counter(label for clip in part for label in clip.judged)
        people = len({clip.subject for clip in part if clip.subject})
        sizes.append(
            PartSize(name, len(part), people or None, {label: labels[label] for label in in_order(labels)})
        )
    return tuple(sizes)


def _stream_sizes(store: Store) -> tuple[StreamSize, ...]:
    rows = store.index.rows
    return tuple(
        StreamSize(name, array.shape[1], int(rows.min()), float(np.median(rows)), int(rows.max()))
        for name, array in store.arrays.items()
    )
