"""Stored streams on their way to a head: standardised, and brought to a width heads can use."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench.contract.dataset import Clip
from fusionbench.contract.types import ClipBatch
from fusionbench.data.loader import ClipLoader
from fusionbench.data.store import StoreIndex
from fusionbench.learn.front_end import StoredStreams, stream_statistics


def batch() -> ClipBatch:
    """Two clips of 3 and 2 frames; the padding holds rubbish."""
    wide = torch.arange(24.0).view(2, 3, 4)
    narrow = wide[..., :2].clone()
    wide[1, 2] = narrow[1, 2] = torch.nan
    mask = torch.tensor([[True, True, True], [True, True, False]])
    return ClipBatch({"wide": wide, "narrow": narrow}, mask, torch.zeros(2), ("a", "b"))


DIMS = {"narrow": 2, "wide": 4}


def test_order_is_that_of_the_dims_and_padding_is_zero():
    streams = StoredStreams(DIMS)(batch())
    assert list(streams) == ["narrow", "wide"]
    assert streams["wide"][0].tolist() == batch().arrays["wide"][0].tolist()
    assert (streams["wide"][1, 2] == 0).all()


def test_statistics_are_applied_channel_by_channel():
    statistics = {name: (torch.full((dim,), 1.0), torch.full((dim,), 2.0)) for name, dim in DIMS.items()}
    assert StoredStreams(DIMS, statistics)(batch())["narrow"][0, 0].tolist() == [-0.5, 0.0]


def test_only_narrower_streams_are_widened_by_a_map_that_learns():
    front_end = StoredStreams(DIMS, widen=4)
    streams = front_end(batch())
    assert streams["narrow"].shape == (2, 3, 4)
    assert streams["wide"].equal(StoredStreams(DIMS)(batch())["wide"])
    assert (streams["narrow"][1, 2] == 0).all()
    assert [tuple(p.shape) for p in front_end.parameters() if p.requires_grad] == [(4, 2), (4,)]


def test_only_wider_streams_are_narrowed_and_both_may_be():
    front_end = StoredStreams(DIMS, widen=3, narrow=3)
    streams = front_end(batch())
    assert {name: stream.shape[2] for name, stream in streams.items()} == {"narrow": 3, "wide": 3}
    assert front_end.mapped == {"narrow": (2, 3), "wide": (4, 3)}
    assert [tuple(p.shape) for p in front_end.parameters()] == [(3, 2), (3,), (3, 4), (3,)]
    assert (streams["wide"][1, 2] == 0).all()
    assert StoredStreams(DIMS, narrow=2).mapped == {"wide": (4, 2)}


def test_streams_that_are_wide_enough_draw_no_random_number():
    torch.manual_seed(0)
    StoredStreams(DIMS, widen=2, narrow=4)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert after == torch.rand(1)


def statistics(values: np.ndarray, clips: int = 10) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel of ``(rows, channels)``, cut into so many clips."""
    rows = np.full(clips, len(values) // clips)
    index = StoreIndex(tuple(Clip(f"c{k}", "x", "train") for k in range(clips)), np.cumsum(rows) - rows, rows)
    mean, std = stream_statistics(index, {"a": values.astype(np.float32)}, [f"c{k}" for k in range(clips)])[
        "a"
    ]
    return mean.tolist(), std.tolist()


ONE_TO_TEN = np.arange(1.0, 11.0)[:, None]  # mean 5.5, variance 99 / 12


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-7, 1e-3, 1.0, 1e6, 1e18])
def test_no_unit_is_too_small_to_be_scaled(unit):
    mean, std = statistics(unit * ONE_TO_TEN)
    assert mean == pytest.approx([5.5 * unit], rel=1e-6)
    assert std == pytest.approx([unit * (99 / 12) ** 0.5], rel=1e-6)


def test_statistics_are_those_of_numpy_to_the_last_digit():
    values = np.random.default_rng(0).normal(3, 2, size=(400, 5)).astype(np.float32)
    exact = values.astype(np.float64)
    assert statistics(values, 20) == (
        exact.mean(0).astype(np.float32).tolist(),
        exact.std(0).astype(np.float32).tolist(),
    )


def test_what_lies_far_from_zero_does_not_drown_in_its_squares():
    """Like seconds since 1970: their squares need 62 bits, float64 holds 53."""
    mean, std = statistics(2.0**30 + 1024 * ONE_TO_TEN)
    assert mean == [2.0**30 + 5632]
    assert std == pytest.approx([1024 * (99 / 12) ** 0.5], rel=1e-6)


def test_a_channel_that_does_not_vary_keeps_its_scale():
    assert statistics(np.full((10, 3), [0.0, 0.1, 1.7e9])) == (
        [0.0, np.float32(0.1), np.float32(1.7e9)],
        [1.0, 1.0, 1.0],
    )


def test_rounding_is_not_taken_for_a_signal():
    """One step of float32 up and down: without a floor it would be scaled to variance 1."""
    low, high = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    _, std = statistics(np.array([[low], [high]] * 5))
    assert std == [high]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("width", [None, 4, 2])
@pytest.mark.parametrize("scaled", [True, False])
def test_streams_in_memory_have_the_digits_of_those_that_are_scaled_in_every_batch(dtype, width, scaled):
    rows = np.array([3, 6, 1, 4])
    index = StoreIndex(tuple(Clip(f"c{k}", "x", "train") for k in range(4)), np.cumsum(rows) - rows, rows)
    draw = np.random.default_rng(0)
    arrays = {name: draw.normal(3, 7, (rows.sum(), dim)).astype(dtype) for name, dim in DIMS.items()}
    ids = [clip.id for clip in index.clips]
    front_end = StoredStreams(
        DIMS, stream_statistics(index, arrays, ids) if scaled else None, widen=width, narrow=width
    ).float()
    stored, held = (ClipLoader(index, arrays, ids, "x", 4, 3, seed=1) for _ in range(2))
    held.hold(front_end.standardised(arrays))
    if dtype is np.float16 and width and not scaled:
        return  # a map of float32 takes no float16, held or not
    for one, other in zip(stored, held, strict=True):
        assert other.standardised and not one.standardised
        assert other.to("cpu").standardised and one.ids == other.ids
        seen, known = front_end(other), front_end(one)
        for name in DIMS:
            assert seen[name].dtype == known[name].dtype and torch.equal(seen[name], known[name])
        assert torch.equal(seen.mask, known.mask)


def test_what_is_in_memory_no_longer_hangs_on_the_store():
    arrays = {"narrow": np.ones((3, 2), np.float32)}
    held = StoredStreams({"narrow": 2}).standardised(arrays)
    arrays["narrow"][:] = 7
    assert (held["narrow"] == 1).all()
