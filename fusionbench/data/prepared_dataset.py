"""Prepared faces in place of a dataset's files: clips and frames of a store, all else the dataset's own."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fusionbench.contract.class_names import NamedClasses, kept_classes
from fusionbench.contract.dataset import Clip, ClipFrames, Dataset, Inventory, Problem
from fusionbench.contract.errors import UserError
from fusionbench.contract.fold_options import MadeFolds
from fusionbench.data.faces import natural_key
from fusionbench.data.prepared_store import (
    FRAMES,
    GAP,
    LANDMARKS,
    MESH,
    PREPARED,
    REST,
    STATE,
    open_prepared_store,
)
from fusionbench.data.store import Store, is_store, open_store

FILES = ("store.json", "frames.npy")


class PreparedDataset(Dataset):
    """Reads what ``fusionbench prepare`` wrote; goes before a dataset whose folds and classes hold.

    Frames without a face are left out when a clip is read: a head's streams hold real frames only.
    Clips without a label can be predicted, and are never trained or reported on.
    """

    takes_prepared: ClassVar[bool] = True

    @functools.cached_property
    def _store(self) -> Store:
        return open_prepared_store(self.root)

    def scan(self) -> Inventory:
        """The store's clips; without classes of its own, the dataset gets those of its training clips."""
        known = getattr(type(self), "classes", ())
        clips = [replace(self._real(clip), files=FILES) for clip in self._store.index.clips]
        labelled = tuple(clip for clip in clips if any(clip.judged) and (not known or clip.of(known)))
        if not labelled:
            wanted = f" that is one of {', '.join(known)}" if known else ""
            raise UserError(
                f"no clip of {self.root} has a label{wanted}: they can be predicted, not trained on. Prepare "
                "them again with --folders, --labels, --tree or --dataset to say what each shows."
            )
        if not known:
            trained = [clip for clip in labelled if clip.split == "train"] or labelled
            names = sorted({name for clip in trained for name in clip.judged}, key=natural_key)
            self.classes = kept_classes(self.config, tuple(names))
        problems = [_unlabelled(clip, known) for clip in clips if clip not in labelled]
        problems += [Problem(each["clip"], each["reason"]) for each in self._store.made["skipped"]]
        return Inventory(labelled, tuple(problems))

    def _real(self, clip: Clip) -> Clip:
        """With the labels of its frames that ``read`` gives."""
        if not clip.labels:
            return clip
        real = np.asarray(self._store.arrays[STATE][self._rows(clip)]) != GAP
        return replace(clip, labels=tuple(itertools.compress(clip.labels, real)))

    def _rows(self, clip: Clip) -> slice:
        index = self._store.index
        place = index.position[clip.id]
        return slice(index.first_row[place], index.first_row[place] + index.rows[place])

    def read(self, clip: Clip) -> ClipFrames:
        """A clip's frames with a face, and their points where all of them have some."""
        rows, arrays = self._rows(clip), self._store.arrays
        real = np.asarray(arrays[STATE][rows]) != GAP
        landmarks = np.asarray(arrays[LANDMARKS][rows])[real]
        points = None
        if REST in arrays:
            points = np.stack([np.asarray(arrays[name][rows])[real] for name in (MESH, REST)], axis=1)
        return ClipFrames(
            np.asarray(arrays[FRAMES][rows])[real],
            landmarks if np.isfinite(landmarks).all() else None,
            points if points is not None and np.isfinite(points).all() else None,
        )

    def preparation(self) -> Mapping[str, Any]:
        """How the faces were found and cut out; not which clips they are of."""
        left_out = ("clips", "skipped", "beside")
        return {name: value for name, value in self._store.made.items() if name not in left_out}


def _unlabelled(clip: Clip, known: tuple[str, ...]) -> Problem:
    if not any(clip.judged):
        return Problem(clip.id, "it has no label: it can be predicted, not trained on")
    return Problem(clip.id, f"its label {clip.label!r} is none of {', '.join(known)}")


def dataset_at(cls: type[Dataset], root: Path, config: Any) -> Dataset:
    """A dataset over its own files, or over the prepared store that ``root`` is.

    Raises:
        UserError: it is such a store, and the dataset's parts follow from more than its clips say, or an
            option is about the dataset's files.
    """
    if cls.precomputed or issubclass(cls, PreparedDataset) or not _is_prepared(root):
        return cls(root, config)
    if not cls.takes_prepared:
        raise UserError(
            f"{root} is a store of prepared faces, which {cls.name} can't be read from: its parts or labels "
            "follow from files that are not in it. Take --dataset frames, or name the dataset's own folder."
        )
    usual, of_clips = cls.Config(), NamedClasses.model_fields.keys() | MadeFolds.model_fields.keys()
    for name in cls.Config.model_fields.keys() - of_clips:
        if getattr(config, name) != getattr(usual, name):
            raise UserError(
                f"dataset.{name} is about the files of {cls.name}, and {root} is a store of prepared faces. "
                f"Leave it out here, and give it to fusionbench prepare --dataset {cls.name}."
            )
    return _over_a_store(cls)(root, config)


def _over_a_store(cls: type[Dataset]) -> type[Dataset]:
    return type(cls.__name__, (PreparedDataset, cls), {"__module__": cls.__module__, "__doc__": cls.__doc__})


def _is_prepared(root: Path) -> bool:
    return is_store(root) and PREPARED in open_store(root).made
