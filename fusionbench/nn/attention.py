"""Scaled dot-product attention over padded clips, for heads that bring their own projections."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from fusionbench.nn.pooling import masked_softmax


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int,
    allowed: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Multi-head ``softmax(q k^T / sqrt(d)) v`` (Vaswani et al., 2017, Eq. 1), heads side by side.

    Args:
        query: ``(batch, queries, dim)``, already projected; dim is divided among the heads.
        key: ``(batch, keys, dim)``.
        value: ``(batch, keys, dim)``.
        heads: number of heads.
        allowed: bool, broadcastable to ``(batch, queries, keys)``: True where a query may look.
            A query that may look nowhere returns zero.
        dropout: share of attention weights dropped; give 0 outside training.

    Returns:
        ``(batch, queries, dim)``, not yet projected.
    """
    q, k, v = (rearrange(x, "b t (h d) -> b h t d", h=heads) for x in (query, key, value))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    weights = scores.softmax(dim=-1) if allowed is None else masked_softmax(scores, allowed.unsqueeze(-3))
    if dropout:
        weights = F.dropout(weights, dropout)
    return rearrange(weights @ v, "b h t d -> b t (h d)")
