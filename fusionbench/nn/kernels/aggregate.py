"""Dense graph attention, the other way round: sum the neighbours first, then project the sums.

The projection is linear, so in ARPGNet's Eq. 4 it may come last::

    g_ih = sum_j a_ijh x_j
    y_i  = 1/H sum_h W_h g_ih  =  [g_i1 ... g_iH] [W_1 ... W_H]^T / H

The sums run over ``in_dim`` channels instead of ``out_dim``, and what is kept for the
backward pass is ``in_dim`` wide: this pays where a layer does not narrow its nodes.
"""

from __future__ import annotations

from torch import Tensor

from fusionbench.nn.kernels.products import project
from fusionbench.nn.kernels.scores import Graph, Weights, attention_weights


def graph_attention(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """``(batch, nodes, in_dim)`` -> ``(batch, nodes, out_dim)``, mean over the heads."""
    attention = attention_weights(x, weights, graph, mask)
    summed = (attention.flatten(1, 2) @ x).unflatten(1, attention.shape[1:3]).flatten(2)
    side_by_side = weights.lin.transpose(0, 1).flatten(1)  # out_dim, heads * in_dim
    return project(summed, side_by_side / len(weights.lin))
