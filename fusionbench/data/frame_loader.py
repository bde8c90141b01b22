"""Batches of labelled frames: each seen through a window of its clip, or all at once in the whole clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from fusionbench.contract.dataset import Clip
from fusionbench.contract.types import ClipBatch
from fusionbench.contract.window import Window
from fusionbench.data.loader import ClipLoader, Taken
from fusionbench.data.store import StoreIndex


def sample_ids(clip: Clip) -> tuple[str, ...]:
    """What a clip's samples are called, in order: itself, or its judged frames by their place from 1."""
    if not clip.labels:
        return (clip.id,)
    return tuple(_frame_id(clip.id, frame) for frame, label in enumerate(clip.labels) if label)


def _frame_id(clip: str, frame: int) -> str:
    return f"{clip}/{frame + 1:05d}"


class _JudgedFrames(ClipLoader):
    """Every judged frame of a fixed set of clips is a sample, called ``<clip>/00001`` after its place.

    What it holds grows by 20 bytes a sample; streams are not copied.
    """

    @cached_property
    def subjects(self) -> tuple[str | None, ...]:
        """Who each sample shows, None where that is not known."""
        return tuple(self._subjects[clip] for clip in self._clip)

    def _labels(self, index: StoreIndex, places: np.ndarray, number: Mapping[str, int]) -> np.ndarray:
        labels = [
            np.fromiter((number.get(label, -1) for label in index.clips[p].labels), dtype=np.int64)
            for p in places
        ]
        frames = [np.flatnonzero(mine >= 0) for mine in labels]
        self._clip = np.repeat(np.arange(len(places), dtype=np.int32), [len(mine) for mine in frames])
        self._frame = np.concatenate([np.empty(0, np.int64), *frames])
        return np.concatenate(
            [np.empty(0, np.int64), *(mine[judged] for mine, judged in zip(labels, frames, strict=True))]
        )

    def _ids(self, samples: np.ndarray) -> tuple[str, ...]:
        pairs = zip(self._clip[samples], self._frame[samples], strict=True)
        return tuple(_frame_id(self.clips[clip], int(frame)) for clip, frame in pairs)


class SequenceLoader(_JudgedFrames):
    """Whole clips, for heads that label each of their steps; batches are of clips, samples of steps.

    Args:
        index: clips with labels of their frames; one without a judged frame is left out.
        arrays: array name -> ``(rows, ...)``.
        clips: ids of the split's clips.
        classes: class names in the order of the logits; frames of other labels are no samples.
        batch_size: clips a batch.
        seed: None for evaluation (fixed order); else the run's seed.
    """

    def __init__(
        self,
        index: StoreIndex,
        arrays: Mapping[str, np.ndarray],
        clips: Sequence[str],
        classes: Sequence[str],
        batch_size: int,
        seed: int | None = None,
    ):
        super().__init__(index, arrays, clips, classes, None, batch_size, seed)
        self._starts = np.searchsorted(self._clip, np.arange(len(clips) + 1))

    def only(self, sample: int) -> ClipBatch:
        """The whole clip of a sample, the only one that is judged in it."""
        batch = self._batch(self._clip[sample : sample + 1], None)
        judged = torch.zeros_like(batch.mask)
        judged[0, self._frame[sample]] = True
        labels = torch.from_numpy(self.labels[sample : sample + 1])
        return replace(batch, judged=judged, labels=labels, ids=self._ids(np.array([sample])))

    @cached_property
    def _drawn(self) -> np.ndarray:
        """Numbers of the clips that have a judged frame."""
        return np.unique(self._clip)

    def _batch(self, clips: np.ndarray, rng: np.random.Generator | None) -> ClipBatch:
        arrays, mask = self._read(clips, rng)
        spans = [np.arange(self._starts[clip], self._starts[clip + 1]) for clip in clips]
        samples = np.concatenate(spans)
        judged = np.zeros(mask.shape, dtype=bool)
        judged[np.repeat(np.arange(len(clips)), [len(span) for span in spans]), self._frame[samples]] = True
        return ClipBatch(
            arrays,
            torch.from_numpy(mask),
            torch.from_numpy(self.labels[samples]),
            self._ids(samples),
            self._standardised,
            torch.from_numpy(judged),
        )


class FrameLoader(_JudgedFrames):
    """Every judged frame of a fixed set of clips, seen through a window of its clip.

    Args:
        index: clips with labels of their frames.
        arrays: array name -> ``(rows, ...)``.
        clips: ids of the split's clips.
        classes: class names in the order of the logits; frames of other labels are no samples.
        window: the frames that a sample holds.
        batch_size: samples a batch.
        seed: None for evaluation (fixed order); else the run's seed.
        black: array name -> ``(...)``, the row of a black image, for windows that are padded with it; zero
            where it is not given, which is right for images.
    """

    def __init__(
        self,
        index: StoreIndex,
        arrays: Mapping[str, np.ndarray],
        clips: Sequence[str],
        classes: Sequence[str],
        window: Window,
        batch_size: int,
        seed: int | None = None,
        black: Mapping[str, np.ndarray] | None = None,
    ):
        super().__init__(index, arrays, clips, classes, None, batch_size, seed)
        self._offsets = window.offsets()
        self._black = dict(black or {}) if window.padding == "black" else None

    @property
    def max_time(self) -> int:
        """Frames of a window."""
        return len(self._offsets)

    def hold(self, arrays: Mapping[str, np.ndarray]) -> None:
        """As a `ClipLoader`; where windows are padded with a black image, streams stay as they are stored."""
        if self._black is None:
            super().hold(arrays)

    def _taken(self, samples: np.ndarray, rng: np.random.Generator | None) -> Taken:
        clip = self._clip[samples]
        seen = np.clip(self._seen(samples), 0, self._rows[clip, None] - 1)
        return self._first_row[clip, None] + seen, np.ones(seen.shape, dtype=bool)

    def _seen(self, samples: np.ndarray) -> np.ndarray:
        """``(samples, window)`` numbers of frames, of which some lie before the clip or behind it."""
        return self._frame[samples, None] + self._offsets

    def _gathered(
        self, name: str, rows: np.ndarray, padding: np.ndarray | None, samples: np.ndarray
    ) -> torch.Tensor:
        """An array's rows, those of a black image beyond the clip where that is how windows are padded."""
        taken = np.asarray(self._arrays[name]).take(rows, axis=0)
        if self._black is not None:
            seen = self._seen(samples)
            taken[(seen < 0) | (seen >= self._rows[self._clip[samples], None])] = self._black.get(name, 0)
        return torch.from_numpy(taken)
