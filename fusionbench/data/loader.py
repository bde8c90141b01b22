"""Batches of padded clips from one or more stores that share an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from fusionbench.contract.types import ClipBatch
from fusionbench.data.sampling import segment_centres, segment_random
from fusionbench.data.store import StoreIndex


class ClipLoader:
    """Gathers sampled frames of a fixed set of clips straight from memory maps.

    It holds the clips of one split and can reach no other: whoever trains is
    handed a loader, never a store.

    Args:
        index: the rows of each clip.
        arrays: array name -> ``(rows, ...)``.
        ids: the split's clips.
        classes: class names in the order of the logits.
        frames: frames a clip; None = whole sequences.
        batch_size: clips a batch.
        seed: None for evaluation (segment centres, fixed order); else the run's seed.
    """

    def __init__(
        self,
        index: StoreIndex,
        arrays: Mapping[str, np.ndarray],
        ids: Sequence[str],
        classes: Sequence[str],
        frames: int | None,
        batch_size: int,
        seed: int | None = None,
    ):
        places = index.places(ids)
        number = {label: k for k, label in enumerate(classes)}
        self.ids = tuple(ids)
        self.labels = np.array([number[index.clips[p].label] for p in places], dtype=np.int64)
        self._arrays = dict(arrays)
        self._first_row = index.first_row[places]
        self._rows = index.rows[places]
        self._frames = frames
        self._batch_size = batch_size
        self._seed = seed
        self.epoch = 0
        """number of the epoch; with the seed it fixes order and sampled frames"""

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.ids) // self._batch_size)

    @property
    def max_time(self) -> int:
        """The longest clip that a batch can hold, in frames."""
        longest = int(self._rows.max(initial=1))
        return min(longest, self._frames) if self._frames else longest

    def __iter__(self) -> Iterator[ClipBatch]:
        order = np.arange(len(self.ids))
        rng = None
        if self._seed is not None:
            rng = np.random.default_rng([self._seed, self.epoch])
            rng.shuffle(order)
        for start in range(0, len(order), self._batch_size):
            yield self._batch(order[start : start + self._batch_size], rng)

    def _batch(self, places: np.ndarray, rng: np.random.Generator | None) -> ClipBatch:
        taken = [self._sample(int(self._rows[p]), rng) for p in places]
        time = self.max_time if self._frames else max(len(frames) for frames in taken)
        rows = np.empty((len(places), time), dtype=np.int64)
        mask = np.zeros((len(places), time), dtype=bool)
        for k, (place, frames) in enumerate(zip(places, taken, strict=True)):
            rows[k] = self._first_row[place]  # padding points at a row of the same clip, then is zeroed
            rows[k, : len(frames)] += frames
            mask[k, : len(frames)] = True
        arrays = {name: _gather(array, rows, mask) for name, array in self._arrays.items()}
        return ClipBatch(
            arrays,
            torch.from_numpy(mask),
            torch.from_numpy(self.labels[places]),
            tuple(self.ids[p] for p in places),
        )

    def _sample(self, length: int, rng: np.random.Generator | None) -> np.ndarray:
        if self._frames is None:
            return np.arange(length)
        if rng is None:
            return segment_centres(length, self._frames)
        return segment_random(length, self._frames, rng)


def _gather(array: np.ndarray, rows: np.ndarray, mask: np.ndarray) -> torch.Tensor:
    taken = np.asarray(array[rows])
    taken[~mask] = 0
    return torch.from_numpy(taken)
