"""Loaders: padded with a mask, reproducible by seed and epoch, and blind to other splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench.contract.dataset import Clip
from fusionbench.data.loader import ClipLoader
from fusionbench.data.store import StoreIndex


@pytest.fixture
def index() -> StoreIndex:
    clips = tuple(Clip(f"c{k}", ["a", "b"][k % 2], "train") for k in range(4))
    rows = np.array([3, 40, 16, 1])
    return StoreIndex(clips, np.concatenate([[0], rows.cumsum()[:-1]]), rows)


def loader(index, frames=16, seed=None, batch_size=4, ids=("c0", "c1", "c2", "c3")):
    array = np.arange(60, dtype=np.float32)[:, None] + 1
    return ClipLoader(index, {"x": array}, ids, ("b", "a"), frames, batch_size, seed)


def test_short_clips_are_padded_with_zeros_under_a_false_mask(index):
    batch = next(iter(loader(index)))
    assert batch.mask.sum(1).tolist() == [3, 16, 16, 1]
    assert batch.arrays["x"][0, :, 0].tolist() == [1, 2, 3] + [0] * 13
    assert batch.arrays["x"][3, 0, 0] == 60
    assert batch.labels.tolist() == [1, 0, 1, 0]


def test_no_batch_is_longer_than_the_longest_clip(index):
    one = loader(index, ids=("c0", "c3"))  # of 3 and 1 frames, 16 wanted
    assert one.max_time == 3 and next(iter(one)).mask.shape == (2, 3)


def test_evaluation_takes_segment_centres(index):
    batch = next(iter(loader(index)))
    assert batch.arrays["x"][1, :3, 0].tolist() == [
        4.0,
        7.0,
        9.0,
    ]  # frames 0, 3, 5 of a clip whose first value is 4


def test_whole_sequences_are_as_long_as_the_longest_of_the_batch(index):
    one = loader(index, frames=None)
    assert one.max_time == 40
    batch = next(iter(one))
    assert batch.mask.shape == (4, 40)
    assert batch.arrays["x"][1, :, 0].tolist() == list(range(4, 44))


def test_seed_and_epoch_fix_everything(index):
    def epoch(seed, number):
        one = loader(index, seed=seed, batch_size=2)
        one.epoch = number
        return [(b.ids, b.arrays["x"]) for b in one]

    first, again, later = epoch(1, 0), epoch(1, 0), epoch(1, 1)
    assert all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in zip(first, later, strict=True))


def test_only_the_clips_of_its_split_come_out(index):
    seen = [i for batch in loader(index, seed=0, batch_size=1, ids=("c2", "c0")) for i in batch.ids]
    assert sorted(seen) == ["c0", "c2"]
