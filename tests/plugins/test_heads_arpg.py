"""ARPG: what the paper's equations imply, and what each switch changes."""

from __future__ import annotations

import pytest
import torch
from fusionbench_fusions.arpg import ARPG
from hypothesis import given, settings, strategies as st
from torch.nn import functional as F

import fusionbench as fb
from tests.plugins.test_heads import build, streams


@settings(deadline=None, max_examples=15)
@given(time=st.integers(1, 9), beyond=st.integers(0, 9))
def test_a_scope_as_long_as_the_clip_is_no_scope(time: int, beyond: int) -> None:
    """Table 4's "without temporal scope" is TRS >= T - 1."""
    given_streams = streams(time)
    spec = given_streams.spec(4)
    wide, none = build(ARPG, spec, trs=time - 1 + beyond), build(ARPG, spec, trs=None)
    assert wide(given_streams).equal(none(given_streams))


@settings(deadline=None, max_examples=15)
@given(time=st.integers(1, 9), trs=st.sampled_from([0, 1, 3, None]))
def test_swapping_the_streams_swaps_the_halves(time: int, trs: int | None) -> None:
    """W and the positional encoding are shared, so the graph does not know which stream is which."""
    x = streams(time)
    swapped = fb.Streams({"appearance": x["relation"], "relation": x["appearance"]})
    head = build(ARPG, x.spec(4), trs=trs)
    first, second = head.fuse(x).chunk(2, dim=-1)
    torch.testing.assert_close(head.fuse(swapped), torch.cat([second, first], dim=-1))


def test_scope_zero_by_hand() -> None:
    """At TRS = 0 and one head, a node attends to itself and to the same moment of the other stream."""
    x = streams(time=5, batch=1)
    head = build(ARPG, x.spec(4), trs=0, heads=1, bias=False)
    a, r = (x[name][0] + fb.sinusoid(5, 8) for name in x)
    layer = head.layers[0]
    za, zr = layer.lin(a), layer.lin(r)
    own = F.leaky_relu(za @ layer.att_dst[0, 0] + za @ layer.att_src[0, 0], 0.01)
    other = F.leaky_relu(za @ layer.att_dst[0, 0] + zr @ layer.att_src[0, 0], 0.01)
    beta = torch.stack([own, other]).softmax(dim=0)
    expected = F.leaky_relu(beta[0, :, None] * za + beta[1, :, None] * zr, 0.01)
    torch.testing.assert_close(head.fuse(x)[0, :, :8], expected)


def test_a_frame_outside_the_scope_is_not_seen() -> None:
    x = streams(time=8, batch=1)
    head = build(ARPG, x.spec(4), trs=2)
    changed = fb.Streams({name: v.clone() for name, v in x.items()})
    changed["relation"][0, 5] += 1.0
    moved = (head.fuse(changed) - head.fuse(x)).abs().amax(dim=-1)[0]
    assert (moved > 1e-6).tolist() == [False] * 3 + [True] * 5


@pytest.mark.parametrize("sigma", ["elu", "identity", "leaky_relu", "relu"])
def test_sigma_before_or_after_the_mean_is_the_same_for_one_head(sigma: str) -> None:
    x = streams()
    after, before = (build(ARPG, x.spec(4), heads=1, sigma=sigma, mean_then_sigma=m) for m in (True, False))
    torch.testing.assert_close(after(x), before(x))


def test_sigma_before_the_mean_differs_for_several_heads() -> None:
    x = streams()
    after, before = (build(ARPG, x.spec(4), mean_then_sigma=m) for m in (True, False))
    assert (after(x) - before(x)).abs().max() > 1e-4


def test_a_w_for_each_stream() -> None:
    """Equal halves of the weight are a shared W; unequal ones are not, and cost twice the weights."""
    x = streams()
    own, shared = build(ARPG, x.spec(4), stream_specific_w=True), build(ARPG, x.spec(4))
    assert own.layers[0].lin.weight.numel() == 2 * shared.layers[0].lin.weight.numel()
    weights = shared.state_dict()
    weights["layers.0.lin.weight"] = weights["layers.0.lin.weight"].repeat(1, 2)
    own.load_state_dict(weights)
    torch.testing.assert_close(own(x), shared(x))
    with torch.no_grad():
        own.layers[0].lin.weight[:, 8:] *= 2
    assert (own(x) - shared(x)).abs().max() > 1e-4


def test_kaiming_does_not_count_empty_slots() -> None:
    """A stream's own W is drawn as the shared one: fan-in is the stream's width."""
    spec = fb.StreamSpec({"a": 256, "r": 256}, 4, 6)
    stds = [
        build(ARPG, spec, stream_specific_w=own).layers[0].lin.weight.std().item() for own in (True, False)
    ]
    assert stds[0] == pytest.approx(stds[1], rel=0.02)


def test_bias_can_be_left_out() -> None:
    head = build(ARPG, streams().spec(4), bias=False, layers=2)
    assert not any("bias" in name for name, _ in head.layers.named_parameters())


def test_any_number_of_streams_of_any_width() -> None:
    x = streams(a=6, b=10, c=3)
    head = build(ARPG, x.spec(4), layers=2)
    assert head.fuse(x).shape == (3, 6, 30)
    assert build(ARPG, x.spec(4), width=16).fuse(x).shape == (3, 6, 48)


def test_long_clips_take_the_fast_kernels_and_change_nothing() -> None:
    x = streams(time=200, batch=1)
    for trs in (3, None):
        fast, dense = build(ARPG, x.spec(4), trs=trs), build(ARPG, x.spec(4), trs=trs)
        dense.layers[0].kernel = "dense"
        torch.testing.assert_close(fast(x), dense(x), rtol=1e-4, atol=1e-5)


def test_explain_shows_who_reads_whom() -> None:
    x = streams(time=4)
    (name, (axes, weights)), *_ = build(ARPG, x.spec(4), trs=1).explain(x).items()
    assert (name, axes, weights.shape) == (
        "layer 1",
        ("batch", "head", "target", "source"),
        (3, 4, 8, 8),
    )
    assert weights.sum(axis=-1) == pytest.approx(1.0)
    assert not weights[:, :, 0, [2, 3, 6, 7]].any()
