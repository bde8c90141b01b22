"""Scaled dot-product attention against torch's own."""

from __future__ import annotations

import pytest
import torch
from einops import rearrange
from torch.nn import functional as F

import fusionbench as fb
from fusionbench.nn import attention


def test_it_is_torchs_attention_with_heads_side_by_side() -> None:
    q, k, v = (torch.randn(2, n, 12) for n in (5, 7, 7))
    allowed = torch.rand(2, 5, 7) < 0.6
    allowed[..., 0] = True
    split = [rearrange(x, "b t (h d) -> b h t d", h=3) for x in (q, k, v)]
    expected = F.scaled_dot_product_attention(*split, attn_mask=allowed.unsqueeze(1))
    ours = fb.attend(q, k, v, heads=3, allowed=allowed)
    torch.testing.assert_close(ours, rearrange(expected, "b h t d -> b t (h d)"))


def test_a_query_that_may_look_nowhere_returns_zero() -> None:
    x = torch.randn(1, 3, 4)
    allowed = torch.tensor([[True, True, True], [False, False, False], [True, False, False]])
    y = fb.attend(x, x, x, heads=2, allowed=allowed)
    assert not y[0, 1].any()
    torch.testing.assert_close(y[0, 2], x[0, 0])


def test_dropout_scales_what_it_keeps() -> None:
    """Of 400 equal weights half are dropped and the rest doubled: the mean stays."""
    torch.manual_seed(0)
    x = torch.ones(1, 400, 1)
    y = fb.attend(0 * x, x, x, heads=1, dropout=0.5)
    assert y.std() > 0.01
    assert abs(y.mean().item() - 1) < 0.01


@pytest.mark.parametrize("mask", [None, (2, 9, 7), (2, 1, 7), (9, 7)])
def test_blocks_of_a_long_sequence_give_what_the_whole_gives(mask, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [torch.randn(2, n, 12, dtype=torch.float64, requires_grad=True) for n in (9, 7, 7)]
    allowed = None if mask is None else torch.rand(mask) < 0.6
    dy = torch.randn(2, 9, 12, dtype=torch.float64)

    def step() -> list[torch.Tensor]:
        y = fb.attend(*inputs, heads=3, allowed=allowed)
        return [y.detach(), *torch.autograd.grad(y, inputs, dy)]

    whole = step()
    monkeypatch.setattr(attention, "AT_ONCE", 2 * 2 * 3 * 7 + 5)  # blocks of two queries, the last of one
    for got, expected in zip(step(), whole, strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.slow
def test_a_long_sequence_trains_in_little_memory() -> None:
    """All pairs of 6144 steps and 2 heads would take 302 MB; no tensor on the way takes 70 MB."""
    x = torch.randn(1, 6144, 4, requires_grad=True)
    real = torch.ones(1, 1, 6144, dtype=torch.bool)
    with torch.profiler.profile(profile_memory=True) as profile:
        fb.attend(x, x, x, heads=2, allowed=real, dropout=0.1).sum().backward()
    assert max(event.self_cpu_memory_usage for event in profile.events()) < 70e6
    assert x.grad is not None and x.grad.isfinite().all()


def test_weights_can_be_watched_and_are_those_of_the_result() -> None:
    q, k, v = (torch.randn(2, n, 12) for n in (5, 7, 7))
    with fb.watch_attention() as seen:
        y = fb.attend(q, k, v, heads=3)
        fb.attend(q, k, v, heads=1)
    fb.attend(q, k, v, heads=3)
    assert [tuple(weights.shape) for weights in seen] == [(2, 3, 5, 7), (2, 1, 5, 7)]
    assert seen[0].sum(-1) == pytest.approx(torch.ones(2, 3, 5), abs=1e-6)
    values = rearrange(v, "b t (h d) -> b h t d", h=3)
    torch.testing.assert_close(y, rearrange(seen[0] @ values, "b h t d -> b t (h d)"))
