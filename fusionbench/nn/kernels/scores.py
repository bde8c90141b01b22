"""What every kernel computes from: the weights of one graph attention layer and the node scores."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.nn.graphs import ParallelGraph


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


def node_scores(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """The two halves of ``att^T [W x_i || W x_j]`` (Eq. 2), one number a node and head.

    ``att_dst . (W x)`` is computed as ``(W^T att_dst) . x``: two columns a head instead
    of a pass over the projected nodes.

    Args:
        x: ``(batch, nodes, in_dim)``.
        weights: of the layer.

    Returns:
        target scores and source scores, each ``(batch, nodes, heads)``.
    """
    attention = torch.stack([weights.att_dst, weights.att_src])
    folded = (attention.unsqueeze(-2) @ weights.lin).flatten(0, 2)  # 2 heads, in_dim
    target, source = (x @ folded.T).chunk(2, dim=-1)
    return target, source


def sources_allowed(graph: Tensor | ParallelGraph, mask: Tensor | None, device: torch.device) -> Tensor:
    """``(1 or batch, nodes, nodes)`` bool: row i may read column j, and j is a real node."""
    adjacency = graph.adjacency(device) if isinstance(graph, ParallelGraph) else graph
    return adjacency.unsqueeze(0) if mask is None else adjacency & mask.unsqueeze(1)
