"""Scaled dot-product attention against torch's own."""

from __future__ import annotations

import torch
from einops import rearrange
from torch.nn import functional as F

import fusionbench as fb


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
