"""Prepared faces: whatever ``fusionbench prepare`` wrote, judged like every other dataset.

``--data-root`` names the store. Parts and folds are those of ``streams``: clips of split ``train`` are
trained on, and so on; where no clip has a split, ``dataset.folds`` makes folds.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import fusionbench as fb

from .streams import StreamsDataset

FILES = ("store.json", "frames.npy")
GAP = 0
"""``state`` of a frame without a face"""


class Frames(StreamsDataset):
    """A prepared store; the classes are the labels of its training clips.

    Frames without a face are left out when a clip is read: a head's streams hold real frames only.
    Clips without a label can be predicted, and are never trained or reported on.
    """

    name = "frames"
    precomputed = False
    protocol = fb.Protocol()
    run_defaults = {}

    @functools.cached_property
    def _store(self) -> Any:
        return fb.open_prepared_store(self.root)

    def scan(self) -> fb.Inventory:
        clips = [replace(self._real(clip), files=FILES) for clip in self._store.index.clips]
        labelled = tuple(clip for clip in clips if any(clip.judged))
        if not labelled:
            raise fb.UserError(
                f"no clip of {self.root} has a label: they can be predicted, not trained on. Prepare them "
                "again with --folders, --labels or --tree to say what each shows."
            )
        trained = [clip for clip in labelled if clip.split == "train"] or labelled
        self.classes = tuple(sorted({name for clip in trained for name in clip.judged}, key=fb.natural_key))
        reason = "it has no label: it can be predicted, not trained on"
        problems = [fb.Problem(clip.id, reason) for clip in clips if not any(clip.judged)]
        problems += [fb.Problem(each["clip"], each["reason"]) for each in self._store.made["skipped"]]
        return fb.Inventory(labelled, tuple(problems))

    def _real(self, clip: fb.Clip) -> fb.Clip:
        """With the labels of its frames that ``read`` gives."""
        if not clip.labels:
            return clip
        real = np.asarray(self._store.arrays["state"][self._rows(clip)]) != GAP
        return replace(clip, labels=tuple(itertools.compress(clip.labels, real)))

    def _rows(self, clip: fb.Clip) -> slice:
        index = self._store.index
        place = index.position[clip.id]
        return slice(index.first_row[place], index.first_row[place] + index.rows[place])

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        rows, arrays = self._rows(clip), self._store.arrays
        real = np.asarray(arrays["state"][rows]) != GAP
        landmarks = np.asarray(arrays["landmarks"][rows])[real]
        points = None
        if "rest" in arrays:
            points = np.stack([np.asarray(arrays[name][rows])[real] for name in ("mesh", "rest")], axis=1)
        return fb.ClipFrames(
            np.asarray(arrays["frames"][rows])[real],
            landmarks if np.isfinite(landmarks).all() else None,
            points if points is not None and np.isfinite(points).all() else None,
        )

    def preparation(self) -> Mapping[str, Any]:
        left_out = ("clips", "skipped", "beside")  # of these clips, not of how they were made
        return {name: value for name, value in self._store.made.items() if name not in left_out}


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [Frames]
