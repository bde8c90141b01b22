"""Pooling over the real frames of padded clips: whatever stands in the padding never counts."""

from __future__ import annotations

import torch
from torch import Tensor


def zero_padding(x: Tensor, mask: Tensor) -> Tensor:
    """Set padded frames to zero, so that nothing they hold (NaN included) can leak further.

    Args:
        x: ``(batch, time, dim)``.
        mask: ``(batch, time)`` bool, True = real frame.
    """
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real frames: ``(batch, time, dim)``, ``(batch, time)`` -> ``(batch, dim)``."""
    frames = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return zero_padding(x, mask).sum(dim=1) / frames


def masked_max(x: Tensor, mask: Tensor) -> Tensor:
    """Maximum over the real frames: ``(batch, time, dim)``, ``(batch, time)`` -> ``(batch, dim)``."""
    return x.masked_fill(~mask.unsqueeze(-1), torch.finfo(x.dtype).min).amax(dim=1)


def masked_softmax(scores: Tensor, allowed: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the allowed entries of ``dim``; a row that allows none is all zero.

    Args:
        scores: any shape.
        allowed: bool, broadcastable to ``scores``.
        dim: the axis that sums to one.
    """
    floor = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(~allowed, floor).softmax(dim=dim)
    return weights.masked_fill(~allowed, 0.0)


def last_real(x: Tensor, mask: Tensor) -> Tensor:
    """The last real frame of each clip: ``(batch, time, dim)``, ``(batch, time)`` -> ``(batch, dim)``."""
    last = (mask.sum(dim=1) - 1).clamp(min=0)
    return x.take_along_dim(last[:, None, None], dim=1).squeeze(1)
