"""Pooling counts the real frames of a clip and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, strategies as st

import fusionbench as fb

X = torch.tensor([[[1.0], [2.0], [9.0]], [[4.0], [5.0], [6.0]]])
MASK = torch.tensor([[True, True, False], [True, True, True]])


def test_mean_max_and_last_frame_stop_where_the_clip_stops() -> None:
    assert fb.masked_mean(X, MASK).flatten().tolist() == [1.5, 5.0]
    assert fb.masked_max(X, MASK).flatten().tolist() == [2.0, 6.0]
    assert fb.last_real(X, MASK).flatten().tolist() == [2.0, 6.0]


@pytest.mark.parametrize("pool", [fb.masked_mean, fb.masked_max, fb.last_real])
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_padding_never_leaks_not_even_nan(pool, lengths: list[int], seed: int) -> None:
    x = torch.randn(len(lengths), 6, 3, generator=torch.Generator().manual_seed(seed))
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    dirty = x.masked_fill(~mask[..., None], math.nan)
    real = [clip[None, :n] for clip, n in zip(x, lengths, strict=True)]
    alone = torch.cat([pool(clip, torch.ones(clip.shape[:2], dtype=torch.bool)) for clip in real])
    torch.testing.assert_close(pool(dirty, mask), alone)


def test_softmax_over_the_allowed_only() -> None:
    """By hand: e^1 / (e^0 + e^1) = 0.731059; a row that allows nothing is zero, not NaN."""
    scores = torch.tensor([[0.0, 1.0, 50.0], [1.0, 2.0, 3.0]])
    allowed = torch.tensor([[True, True, False], [False, False, False]])
    weights = fb.masked_softmax(scores, allowed)
    assert weights[0].tolist() == pytest.approx([0.268941, 0.731059, 0.0], abs=1e-6)
    assert weights[1].tolist() == [0.0, 0.0, 0.0]


def test_no_gradient_flows_into_padding() -> None:
    x = X.clone().requires_grad_()
    fb.masked_mean(x, MASK).sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == pytest.approx([0.5, 0.5, 0.0, 1 / 3, 1 / 3, 1 / 3])


def test_a_clip_without_frames_pools_to_zero() -> None:
    assert fb.masked_mean(X[:1], torch.zeros(1, 3, dtype=torch.bool)).item() == 0.0
