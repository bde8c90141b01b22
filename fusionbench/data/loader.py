"""Batches of padded clips from one or more stores that share an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from fusionbench.contract.types import ClipBatch
from fusionbench.data.sampling import padded_frames
from fusionbench.data.store import StoreIndex

Taken = tuple[np.ndarray, np.ndarray]
"""rows of the arrays ``(samples, time)`` int64, and which of them are real ``(samples, time)`` bool"""


class ClipLoader:
    """Gathers sampled frames of a fixed set of clips straight from memory maps.

    It holds the clips of one split and can reach no other: whoever trains is
    handed a loader, never a store.

    Args:
        index: the rows of each clip.
        arrays: array name -> ``(rows, ...)``.
        clips: ids of the split's clips.
        classes: class names in the order of the logits.
        frames: frames a clip; None = whole sequences.
        batch_size: clips a batch.
        seed: None for evaluation (segment centres, fixed order); else the run's seed.
    """

    def __init__(
        self,
        index: StoreIndex,
        arrays: Mapping[str, np.ndarray],
        clips: Sequence[str],
        classes: Sequence[str],
        frames: int | None,
        batch_size: int,
        seed: int | None = None,
    ):
        places = index.places(clips)
        self.clips = tuple(clips)
        """ids of the clips that its samples are taken from"""
        self.labels = self._labels(index, places, {label: k for k, label in enumerate(classes)})
        """``(samples,)`` int64 class numbers"""
        self._subjects = tuple(index.clips[place].subject or None for place in places)
        self._arrays = dict(arrays)
        self._first_row = index.first_row[places]
        self._rows = index.rows[places]
        self._frames = frames
        self._batch_size = batch_size
        self._seed = seed
        self._standardised = False
        self.epoch = 0
        """number of the epoch; with the seed it fixes order and sampled frames"""

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._drawn) // self._batch_size)

    @property
    def subjects(self) -> tuple[str | None, ...]:
        """Who each sample shows, None where that is not known."""
        return self._subjects

    @property
    def max_time(self) -> int:
        """The longest clip that a batch can hold, in frames."""
        longest = int(self._rows.max(initial=1))
        return min(longest, self._frames) if self._frames else longest

    def __iter__(self) -> Iterator[ClipBatch]:
        order = self._drawn.copy()
        rng = None
        if self._seed is not None:
            rng = np.random.default_rng([self._seed, self.epoch])
            rng.shuffle(order)
        for start in range(0, len(order), self._batch_size):
            yield self._batch(order[start : start + self._batch_size], rng)

    def hold(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Read from these arrays from now on: the same rows, in memory, their streams standardised."""
        self._arrays = dict(arrays)
        self._standardised = True

    def only(self, sample: int) -> ClipBatch:
        """A batch of one sample, given by its place in ``labels``, as evaluation sees it."""
        return self._batch(np.array([sample]), None)

    @property
    def _drawn(self) -> np.ndarray:
        """Numbers of what batches are made of, in order: every sample."""
        return np.arange(len(self.labels))

    def _batch(self, samples: np.ndarray, rng: np.random.Generator | None) -> ClipBatch:
        """The batch of some of what is drawn."""
        arrays, mask = self._read(samples, rng)
        return ClipBatch(
            arrays,
            torch.from_numpy(mask),
            torch.from_numpy(self.labels[samples]),
            self._ids(samples),
            self._standardised,
        )

    def _read(
        self, samples: np.ndarray, rng: np.random.Generator | None
    ) -> tuple[dict[str, torch.Tensor], np.ndarray]:
        """Every array's rows, and which of them are real."""
        rows, mask = self._taken(samples, rng)
        padding = None if mask.all() else ~mask
        return {name: self._gathered(name, rows, padding, samples) for name in self._arrays}, mask

    def _gathered(
        self, name: str, rows: np.ndarray, padding: np.ndarray | None, samples: np.ndarray
    ) -> torch.Tensor:
        """An array's rows, zero in the padding."""
        taken = np.asarray(self._arrays[name]).take(rows, axis=0)
        if padding is not None:
            taken[padding] = 0
        return torch.from_numpy(taken)

    def _labels(self, index: StoreIndex, places: np.ndarray, number: Mapping[str, int]) -> np.ndarray:
        return np.array([number[index.clips[p].label] for p in places], dtype=np.int64)

    def _ids(self, samples: np.ndarray) -> tuple[str, ...]:
        return tuple(self.clips[sample] for sample in samples)

    def _taken(self, samples: np.ndarray, rng: np.random.Generator | None) -> Taken:
        lengths = self._rows[samples]
        time = self.max_time if self._frames else int(lengths.max())
        numbers, mask = padded_frames(lengths, self._frames, time, rng)
        # padding points at a row of the same clip, then is zeroed
        return self._first_row[samples, None] + numbers, mask
