"""From a resolved config to the clips: find the folder or generate it, scan it, decode it, once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from fusionbench.bench.front_end import (
    black_rows,
    front_end_stores,
    real_front_end,
    refuse_untrained,
    weights_hash,
)
from fusionbench.bench.parts import LEAK, fold_findings, parts_line, unused
from fusionbench.bench.stand_in import no_stand_in, stand_in_is_made, stand_in_root
from fusionbench.catalog.identity import harness_hash
from fusionbench.catalog.run_config import Chosen, DataOptions, RunConfig
from fusionbench.contract.class_names import kept_classes
from fusionbench.contract.dataset import Clip, Dataset, Fold, Inventory
from fusionbench.contract.errors import UserError, unknown
from fusionbench.contract.hashing import digest
from fusionbench.contract.judging import Judging
from fusionbench.contract.watch import Watch
from fusionbench.contract.window import Window
from fusionbench.data.checks import check_names, check_streams
from fusionbench.data.findings import Finding
from fusionbench.data.ingest import beside_frames, cached_frames, frame_store
from fusionbench.data.marker import read_marker
from fusionbench.data.prepared_dataset import dataset_at
from fusionbench.data.remembered import remembered
from fusionbench.data.store import StoreIndex, is_store, open_store
from fusionbench.data.stream_store import noted, open_stream_store, train_labels


@dataclass(frozen=True)
class RunData:
    """What a run reads from."""

    dataset: Dataset
    fingerprint: str
    """content hash of the clips"""
    stand_in: bool
    index: StoreIndex
    arrays: Mapping[str, np.ndarray]
    """array name -> ``(rows, ...)``: streams, or what the front end makes streams of"""
    weights: Mapping[str, str | None]
    """kind -> hash of the weights file of backbone and relation encoder"""
    skipped: tuple[Mapping[str, str], ...]
    """clips left out, with the reason"""

    notes: tuple[Finding, ...] = ()
    """what whoever made the clips noted of them"""
    extracted: Mapping[str, str] = field(default_factory=dict)
    """array name -> content hash of the store it is in, where a front end made it: another machine's front
    end makes other last digits of the same clips"""

    black: Mapping[str, np.ndarray] = field(default_factory=dict)
    """array name -> the row of a black image, where windows are padded with it and it is not zero"""

    @cached_property
    def window(self) -> Window | None:
        """What a labelled frame is seen through; None where clips are labelled as a whole."""
        return self.dataset.window if any(clip.labels for clip in self.index.clips) else None

    @property
    def each_step(self) -> bool:
        """Whether steps have labels, and all those of a clip are judged at once, without a window."""
        return self.window is not None and self.window.window is None

    @cached_property
    def clips(self) -> Mapping[str, Clip]:
        """Clip id -> clip, of those that are parted."""
        return {clip.id: clip for clip in self.judged}

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.dataset.classes)

    def judging(self, config: RunConfig) -> Judging:
        """What a run on these data is judged by.

        Raises:
            UserError: the protocol does not offer the metric, or the positive class is none of two.
        """
        options = config.options
        return self.dataset.protocol.judging(options.metric, options.positive, self.dataset.classes)

    @cached_property
    def judged(self) -> tuple[Clip, ...]:
        """The clips of the run's classes, which are parted; clips and frames of others are left out."""
        return tuple(filter(None, (clip.of(self.dataset.classes) for clip in self.index.clips)))

    @cached_property
    def every_fold(self) -> list[Fold]:
        """The folds as the dataset makes them."""
        return self.dataset.folds(self.judged)

    def folds(self, name: str | None) -> list[Fold]:
        """All folds, or the one called ``name``.

        Raises:
            UserError: there is no such fold, or a fold has an empty side.
        """
        folds = self.every_fold
        if name is not None:
            chosen = [fold for fold in folds if fold.name == name]
            if not chosen:
                raise unknown(f"fold of {self.dataset.name}", name, [fold.name for fold in folds])
            folds = chosen
        for fold in folds:
            if not fold.train or not fold.report:
                empty = "train" if not fold.train else "report"
                raise UserError(
                    f"fold {fold.name!r} of {self.dataset.name} has no {empty} clips: "
                    f"{len(self.judged)} clips were read. "
                    "`fusionbench data verify` lists what is missing."
                )
        return folds


def find_root(chosen: Chosen, root: Path | None) -> Path:
    """A dataset's folder: ``root``, else ``$FUSIONBENCH_DATA/<dataset>``, else ``data/<dataset>``."""
    if root is not None:
        return root.expanduser()
    return Path(os.environ.get("FUSIONBENCH_DATA", "data")).expanduser() / chosen.plugin


def scan(chosen: Chosen, options: DataOptions, watch: Watch) -> tuple[Dataset, Inventory, bool]:
    """The dataset at its root, what it holds, and whether it was generated.

    Raises:
        UserError: the dataset is not there.
    """
    root = stand_in_root(chosen, watch) if options.stand_in else find_root(chosen, options.root)
    dataset = dataset_at(chosen.cls, root, chosen.options)
    inventory = dataset.scan()
    generated = _is_generated(root)
    if generated and not options.stand_in:
        watch.note(f"{root} holds generated data (stand-in)")
    for note in inventory.notes:
        watch.note(f"{note.clip}: {note.reason}")
    if inventory.problems:
        first = inventory.problems[0]
        watch.warn(
            f"{len(inventory.problems)} thing(s) in {root} are not as published, the first: {first.clip}: "
            f"{first.reason}. `fusionbench data verify {chosen.plugin} --data-root {root}` lists them all."
        )
    return dataset, inventory, generated


def _is_generated(root: Path) -> bool:
    """Whether a marker at ``root``, or the store that ``root`` is, says so."""
    return read_marker(root) is not None or (is_store(root) and open_store(root).stand_in)


def data_key(config: RunConfig) -> str:
    """Equal for runs that read the same arrays: they may differ in head, seed and training."""
    mine = ("dataset", "data", "backbone", "relation", "front_end")
    return digest({k: v for k, v in config.flat().items() if k.split(".")[0] in mine})


def open_data(config: RunConfig, watch: Watch) -> RunData:
    """Arrays for a run, from caches where they are; what a reader must know of them is told.

    Raises:
        UserError: the data are absent or bad, the front end does not fit them, the positive class is none
            of two, or a subject is trained and reported on where that is to fail.
    """
    data = (_open_streams if config.dataset.cls.precomputed else _open_clips)(config, watch)
    data.judging(config)  # before anything is trained
    _tell(config, data, watch)
    return data


def _tell(config: RunConfig, data: RunData, watch: Watch) -> None:
    """The parts of the folds, and everything about clips and streams that would be silent otherwise."""
    folds = data.folds(config.options.fold)
    parts, found = fold_findings(folds, data.clips, data.dataset.protocol)
    if len(folds) == 1:
        watch.note(f"{parts_line(parts[folds[0].name].sizes())}, {data.classes} classes")
    left_out = Counter(label for clip in data.index.clips for label in clip.judged)
    what = "frames" if data.window else "clips"
    for label in sorted(left_out.keys() - {*data.dataset.classes}):
        watch.note(f"left out by dataset.classes: {left_out[label]} {what} of {label}")
    for split, clips in unused(data.every_fold, data.judged).items():
        watch.note(f"not used in this run: {clips} clips{f' of {split}' if split else ''}")
    leaks = [finding for finding in found if finding.kind == LEAK]
    if leaks and config.options.data.on_subject_leak == "fail":
        raise UserError(
            f"{leaks[0].message} Put a subject's clips into one part, "
            "or leave out data.on_subject_leak=fail to be told only."
        )
    found += [*data.notes, *check_names(data.index.clips)]
    streams = {n: array for n, array in data.arrays.items() if array.ndim == 2 and array.dtype.kind == "f"}
    if streams:
        key = digest([data.fingerprint, dict(data.extracted), list(streams), harness_hash("data")])
        found += remembered(key, lambda: check_streams(data.index, streams))
    for finding in found:
        watch.warn(finding.message)


def _open_clips(config: RunConfig, watch: Watch) -> RunData:
    backbone, options = config.backbone, config.options
    assert backbone is not None
    refuse_untrained(config)  # before anything is generated or read
    weights = {c.kind: weights_hash(c) for c in (backbone, config.relation) if c}
    dataset, inventory, stand_in = scan(config.dataset, options.data, watch)
    size = backbone.cls.input_size(backbone.options)
    frames = frame_store(dataset, inventory, size, options.data.on_bad_clip, stand_in, watch)
    skipped = tuple(frames.made["skipped"])
    if skipped:
        watch.warn(
            f"{len(skipped)} clip(s) were skipped, the first: {skipped[0]['clip']}: {skipped[0]['reason']}"
        )
    if backbone.cls.trained_on and not stand_in and backbone.options.weights == "shipped":
        watch.warn(
            f"the weights of backbone {backbone.plugin!r} come from {backbone.cls.trained_on}, "
            f"not from real faces. {real_front_end(beside_frames(frames))}"
        )
    stores = front_end_stores(frames, config, weights, watch)
    arrays = {name: store.arrays[name] for name, store in stores.items()}
    hashes = {name: store.content_hash for name, store in stores.items()}
    seen = dataset.window
    padded = seen is not None and seen.window is not None and seen.padding == "black"
    black = black_rows(config, list(arrays), frames) if padded else {}
    about = (dataset, frames.content_hash, stand_in, frames.index)
    return RunData(*about, arrays, weights, skipped, extracted=hashes, black=black)


def peek_data(config: RunConfig, watch: Watch) -> RunData | None:
    """What is known of a run's data without decoding or extracting any; None where nothing is yet.

    Raises:
        UserError: the data are absent or bad, or the front end does not fit them.
    """
    if config.dataset.cls.precomputed:
        return _open_streams(config, watch)
    options, backbone = config.options, config.backbone
    assert backbone is not None
    if options.data.stand_in and not stand_in_is_made(config.dataset):
        return None
    dataset, inventory, stand_in = scan(config.dataset, options.data, watch)
    size = backbone.cls.input_size(backbone.options)
    frames = cached_frames(dataset, inventory, size, options.data.on_bad_clip, stand_in)
    weights = {c.kind: weights_hash(c) for c in (backbone, config.relation) if c}
    refuse_untrained(config)
    if frames is None:
        return None
    return RunData(
        dataset, frames.content_hash, stand_in, frames.index, {}, weights, tuple(frames.made["skipped"])
    )


def _open_streams(config: RunConfig, watch: Watch) -> RunData:
    if config.options.data.stand_in:
        raise no_stand_in(config.dataset)
    root = find_root(config.dataset, config.options.data.root)
    dataset: Dataset = config.dataset.cls(root, config.dataset.options)
    if not is_store(root):
        dataset.scan()  # says what is missing in the dataset's own words
    store = open_stream_store(root)
    dataset.classes = kept_classes(config.dataset.options, train_labels(store))
    stand_in = store.stand_in or read_marker(root) is not None
    if stand_in:
        watch.note(f"{root} holds generated data (stand-in)")
    notes = tuple(noted(store))
    return RunData(dataset, store.content_hash, stand_in, store.index, store.arrays, {}, (), notes)
