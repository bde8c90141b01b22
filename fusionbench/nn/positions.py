"""Sinusoidal positional encodings, in the two conventions that published code uses."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoid(
    positions: int | Tensor, dim: int, base: float = 10_000.0, *, like: Tensor | None = None
) -> Tensor:
    """Interleaved sines and cosines (Vaswani et al., 2017, section 3.5).

    ``PE[t, 2k] = sin(t / base**(2k/dim))`` and ``PE[t, 2k+1] = cos`` of the same, t from 0.

    Args:
        positions: how many rows, counted from 0; or the positions themselves, of any shape.
        dim: channels; an odd number drops the last cosine.
        base: 10000 in the paper of the Transformer, 1000 in TEMMA's code.
        like: a tensor whose device and dtype the result takes.

    Returns:
        ``(positions, dim)``, or ``(*positions.shape, dim)``.
    """
    device = like.device if like is not None else None
    dtype = like.dtype if like is not None else torch.get_default_dtype()
    steps = torch.arange(positions, device=device) if isinstance(positions, int) else positions
    even = torch.arange(0, dim, 2, device=steps.device, dtype=torch.float64)
    # In float64: t * frequency loses digits in float32 once t is large.
    angle = steps.to(torch.float64).unsqueeze(-1) * torch.exp(even * (-math.log(base) / dim))
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)
    return table[..., :dim].to(dtype)


def fairseq_sinusoid(positions: int, dim: int, *, like: Tensor | None = None) -> Tensor:
    """Sines in the first half of the channels, cosines in the second (fairseq, as MulT uses it).

    Frequencies are ``10000**(-i / (dim/2 - 1))``; step t has position number t + 1,
    because row 0 is kept for padding and is zero.

    Args:
        positions: how many rows, row 0 included.
        dim: channels; an odd number ends with a zero channel.
        like: a tensor whose device and dtype the result takes.

    Returns:
        ``(positions, dim)``; step t of a sequence uses row t + 1.
    """
    device = like.device if like is not None else None
    dtype = like.dtype if like is not None else torch.get_default_dtype()
    half = dim // 2
    i = torch.arange(half, device=device, dtype=torch.float64)
    frequency = torch.exp(i * (-math.log(10_000.0) / max(half - 1, 1)))
    angle = torch.arange(positions, device=device, dtype=torch.float64).unsqueeze(-1) * frequency
    table = torch.cat([angle.sin(), angle.cos(), angle.new_zeros(positions, dim % 2)], dim=-1)
    table[0] = 0.0
    return table.to(dtype)
