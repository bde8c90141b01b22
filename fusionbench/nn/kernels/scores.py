"""What the kernels share: the weights of one graph attention layer, node scores, dense attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from fusionbench.nn.graphs import ParallelGraph

Graph = Tensor | ParallelGraph
"""``(nodes, nodes)`` bool, True where target row i reads source column j; or a graph that knows its shape"""


class Weights(NamedTuple):
    """The weights of ARPGNet's Eq. 2-4, by head."""

    lin: Tensor
    """W ``(heads, out_dim, in_dim)``"""
    att_src: Tensor
    """the half of att that meets the source, ``(heads, out_dim)``"""
    att_dst: Tensor
    """the half of att that meets the target, ``(heads, out_dim)``"""
    slope: float
    """negative slope of the LeakyReLU on the scores"""


Kernel = Callable[[Tensor, Weights, Graph, "Tensor | None"], Tensor]
"""nodes ``(batch, nodes, in_dim)``, weights, graph, mask ``(batch, nodes)`` -> ``(batch, nodes, out_dim)``"""


def node_scores(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """The two halves of ``att^T [W x_i || W x_j]`` (Eq. 2), one number a node and head.

    ``att . (W x)`` is computed as ``(W^T att) . x``: two columns a head instead of a pass
    over the projected nodes.

    Args:
        x: ``(batch, nodes, in_dim)``.
        weights: of the layer.

    Returns:
        target scores and source scores, each ``(batch, nodes, heads)``.
    """
    att = torch.stack([weights.att_dst, weights.att_src], dim=1)
    folded = att @ weights.lin  # heads, 2, in_dim
    target, source = (x @ folded.flatten(0, 1).T).unflatten(-1, (-1, 2)).unbind(-1)
    return target, source


def allowed_sources(graph: Graph, mask: Tensor | None, device: torch.device) -> Tensor:
    """``(1 or batch, nodes, nodes)`` bool: row i may read column j, and j is a real node."""
    adjacency = graph.adjacency(device) if isinstance(graph, ParallelGraph) else graph
    return adjacency.unsqueeze(0) if mask is None else adjacency & mask.unsqueeze(1)


def softmax_over_sources(target: Tensor, source: Tensor, allowed: Tensor, slope: float) -> Tensor:
    """Eq. 3: ``softmax_j LeakyReLU(target_i + source_j)`` over the allowed sources.

    What is not allowed gets a score so low that its weight is exactly 0. It is added, not
    filled in, because an addition costs nothing in the backward pass.

    Args:
        target: ``(..., targets, heads)``.
        source: ``(..., sources, heads)``.
        allowed: bool, broadcastable to ``(..., targets, sources)``.
        slope: of the LeakyReLU.

    Returns:
        ``(..., targets, heads, sources)``; a target without any source has zeros.
    """
    low = torch.finfo(target.dtype).min / 2
    penalty = torch.zeros_like(allowed, dtype=target.dtype).masked_fill(~allowed, low)
    scores = F.leaky_relu(target.unsqueeze(-1) + source.transpose(-1, -2).unsqueeze(-3), slope)
    weights = (scores + penalty.unsqueeze(-2)).softmax(dim=-1)
    return weights * allowed.any(dim=-1)[..., None, None]


def attention_weights(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """a_ijh as ``(batch, targets, heads, sources)``; sums to one over the sources of a target."""
    target, source = node_scores(x, weights)
    return softmax_over_sources(target, source, allowed_sources(graph, mask, x.device), weights.slope)
