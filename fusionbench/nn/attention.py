"""Scaled dot-product attention over padded clips, for heads that bring their own projections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from fusionbench.nn.pooling import masked_softmax

AT_ONCE = 2**24
"""attention weights held at once; 64 MB in float32, which malloc gives back to the system when freed"""

_watched: ContextVar[list[Tensor] | None] = ContextVar("watched attention", default=None)


@contextmanager
def watch_attention() -> Iterator[list[Tensor]]:
    """Collects the weights of every ``attend`` in the block, for a head that explains itself.

    In the order of the calls, each ``(batch, heads, queries, keys)``, without dropout; the rows of
    queries that may look somewhere sum to one.
    """
    seen: list[Tensor] = []
    token = _watched.set(seen)
    try:
        yield seen
    finally:
        _watched.reset(token)


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
    by_head = None if allowed is None else allowed.unsqueeze(-3)
    seen = _watched.get()
    if seen is not None:
        seen.append(_weights(q, k, by_head).detach())
    batch, _, queries, _ = q.shape
    block = max(AT_ONCE // (batch * heads * k.shape[-2]), 1)
    if queries <= block:
        y = _attend(q, k, v, by_head, dropout)
    else:  # blocks of queries, each computed again in the backward pass instead of kept for it
        y = torch.cat(
            [
                checkpoint(_attend, some, k, v, mask, dropout, use_reentrant=False)
                for some, mask in zip(
                    q.split(block, dim=-2), _by_queries(by_head, queries, block), strict=True
                )
            ],
            dim=-2,
        )
    return rearrange(y, "b h t d -> b t (h d)")


def _attend(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None, dropout: float) -> Tensor:
    """Of one head and more, ``(batch, heads, time, dim)``."""
    weights = _weights(q, k, allowed)
    if dropout:
        weights = F.dropout(weights, dropout)
    return weights @ v


def _weights(q: Tensor, k: Tensor, allowed: Tensor | None) -> Tensor:
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return scores.softmax(dim=-1) if allowed is None else masked_softmax(scores, allowed)


def _by_queries(allowed: Tensor | None, queries: int, block: int) -> list[Tensor | None]:
    """What each block of queries may read."""
    if allowed is None or allowed.shape[-2] == 1:
        return [allowed] * -(-queries // block)
    return list(allowed.split(block, dim=-2))
