"""Dense graph attention: project every node, then one masked softmax over all pairs.

For target i, source j and head h (ARPGNet, Eq. 2-4, heads averaged)::

    e_ijh = LeakyReLU(d_ih + s_jh)            d, s: the two halves of att^T [W_h x_i || W_h x_j]
    a_ijh = softmax of e_ijh over the sources j of i
    y_i   = 1/H sum_h sum_j a_ijh W_h x_j

The projection ``z = x W`` comes out as (node, head) rows of ``out_dim`` channels. With
the weights laid out as (target, source, head), the double sum over h and j is a single
matrix product per clip, and so are all three of its gradients: nothing is transposed or
copied. Cost: ``nodes * in * heads * out`` for the projection, ``nodes^2 * heads * out``
for the sum. Where x needs no gradient, the first is paid twice a step instead of thrice.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from fusionbench.nn.graphs import ParallelGraph
from fusionbench.nn.kernels.scores import Weights, node_scores, sources_allowed
from fusionbench.nn.pooling import masked_softmax


def attention_weights(
    x: Tensor, weights: Weights, graph: Tensor | ParallelGraph, mask: Tensor | None
) -> Tensor:
    """a_ijh as ``(batch, targets, sources, heads)``; sums to one over the sources of a target."""
    target, source = node_scores(x, weights)
    scores = F.leaky_relu(target.unsqueeze(2) + source.unsqueeze(1), weights.slope)
    allowed = sources_allowed(graph, mask, x.device)
    return masked_softmax(scores, allowed.unsqueeze(-1), dim=2)


def dense(x: Tensor, weights: Weights, graph: Tensor | ParallelGraph, mask: Tensor | None) -> Tensor:
    """``(batch, nodes, in_dim)`` -> ``(batch, nodes, out_dim)``, mean over the heads."""
    heads = weights.lin.shape[0]
    attention = attention_weights(x, weights, graph, mask) / heads
    projected = (x @ weights.lin.flatten(0, 1).T).unflatten(-1, (heads, -1))
    return attention.flatten(2) @ projected.flatten(1, 2)


def dense_by_head(x: Tensor, weights: Weights, graph: Tensor | ParallelGraph, mask: Tensor | None) -> Tensor:
    """As ``dense``, without the mean: ``(batch, heads, nodes, out_dim)``."""
    attention = attention_weights(x, weights, graph, mask)
    projected = x.unsqueeze(1) @ weights.lin.transpose(-1, -2)
    return attention.permute(0, 3, 1, 2) @ projected
