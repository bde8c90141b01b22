"""Stored streams on their way to a head: standardised, and brought to a width heads can use."""

from __future__ import annotations

import torch

from fusionbench.contract.types import ClipBatch
from fusionbench.learn.front_end import StoredStreams


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
