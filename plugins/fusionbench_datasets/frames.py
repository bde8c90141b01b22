"""Prepared faces: whatever ``fusionbench prepare`` wrote, judged like every other dataset.

``--data-root`` names the store. Parts are those of ``streams``: clips of split ``train`` are trained
on, and so on. Where no clip has a split and subjects are known, each subject is left out in turn.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
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
        clips = [
            fb.Clip(clip.id, clip.label, clip.split, clip.subject, FILES) for clip in self._store.index.clips
        ]
        labelled = tuple(clip for clip in clips if clip.label)
        if not labelled:
            raise fb.UserError(
                f"no clip of {self.root} has a label: they can be predicted, not trained on. Prepare them "
                "again with --folders, --labels or --tree to say what each shows."
            )
        trained = [clip for clip in labelled if clip.split == "train"] or labelled
        self.classes = tuple(sorted({clip.label for clip in trained}, key=fb.natural_key))
        reasons = {clip.id: "it has no label: it can be predicted, not trained on" for clip in clips}
        problems = [fb.Problem(clip.id, reasons[clip.id]) for clip in clips if not clip.label]
        problems += [fb.Problem(each["clip"], each["reason"]) for each in self._store.made["skipped"]]
        return fb.Inventory(labelled, tuple(problems))

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        index, arrays = self._store.index, self._store.arrays
        place = index.position[clip.id]
        rows = slice(index.first_row[place], index.first_row[place] + index.rows[place])
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

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        """As the clips' splits say; where there are none, one fold a subject.

        Raises:
            fb.UserError: there is neither a part to report on nor a second subject.
        """
        subjects = sorted({clip.subject for clip in clips if clip.subject}, key=fb.natural_key)
        if any(clip.split for clip in clips) or len(subjects) < 2:
            return super().folds(clips)
        return [
            fb.Fold(
                subject,
                tuple(clip.id for clip in clips if clip.subject != subject),
                tuple(clip.id for clip in clips if clip.subject == subject),
            )
            for subject in subjects
        ]


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [Frames]
