"""Dense graph attention: project every node, then one weighted sum over all pairs.

For target i, source j and head h (ARPGNet, Eq. 2-4, heads averaged)::

    a_ijh = softmax_j LeakyReLU(d_ih + s_jh)   d, s: the two halves of att^T [W_h x_i || W_h x_j]
    y_i   = 1/H sum_h sum_j a_ijh W_h x_j

The projection ``z = x W`` comes out as (node, head) rows of ``out_dim`` channels. With
the weights laid out as (target, source, head), the double sum over h and j is a single
matrix product a clip, and so are all three of its gradients: nothing large is transposed
or copied. Cost: ``nodes * in * heads * out`` for the projection, ``nodes^2 * heads * out``
for the sum. Where x needs no gradient, the first is paid twice a step instead of thrice.
"""

from __future__ import annotations

from torch import Tensor

from fusionbench.nn.kernels.products import project
from fusionbench.nn.kernels.scores import Graph, Weights, attention_weights


def graph_attention(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """``(batch, nodes, in_dim)`` -> ``(batch, nodes, out_dim)``, mean over the heads."""
    heads = weights.lin.shape[0]
    attention = attention_weights(x, weights, graph, mask) / heads
    projected = project(x, weights.lin.flatten(0, 1)).unflatten(-1, (heads, -1))
    return attention.transpose(-1, -2).flatten(2) @ projected.flatten(1, 2)


def graph_attention_by_head(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """As ``graph_attention``, without the mean: ``(batch, heads, nodes, out_dim)``."""
    attention = attention_weights(x, weights, graph, mask)
    projected = x.unsqueeze(1) @ weights.lin.transpose(-1, -2)
    return attention.transpose(1, 2) @ projected
