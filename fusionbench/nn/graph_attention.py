"""The graph attention layer of ARPGNet (Eq. 2-4), computed exactly by the kernel that fits the shape."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusionbench.nn.graphs import ParallelGraph
from fusionbench.nn.kernels import KERNELS, choose
from fusionbench.nn.kernels.dense import graph_attention_by_head
from fusionbench.nn.kernels.scores import Weights, attention_weights
from fusionbench.nn.pooling import zero_padding


class GraphAttention(nn.Module):
    """Every node reads its neighbours, weighed by attention; heads are averaged.

    With z = W x, for target i and its sources j, in each head::

        e_ij = LeakyReLU(att_dst . z_i + att_src . z_j)    Eq. 2
        a_ij = softmax of e_ij over the sources j of i     Eq. 3
        y_i  = sum_j a_ij z_j  (mean over heads)  + bias   Eq. 4, before sigma

    The same function as ``torch_geometric.nn.GATConv(concat=False, add_self_loops=False)``,
    with the same state-dict keys. Self loops are read only where the graph has them.

    Args:
        in_dim: channels of a node.
        out_dim: channels of a node after the layer.
        heads: number of attention heads.
        slope: negative slope of the LeakyReLU on the scores.
        bias: whether a bias (zero at first) is added at the end.
        kernel: ``auto`` takes the one that is fastest for the shape; a name of ``KERNELS`` forces it.

    Raises:
        ValueError: the kernel is unknown, or the slope is not in [0, 1].
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        heads: int = 4,
        slope: float = 0.01,
        bias: bool = True,
        kernel: str = "auto",
    ):
        super().__init__()
        if kernel != "auto" and kernel not in KERNELS:
            raise ValueError(
                f"no kernel named {kernel!r}; use 'auto' or one of {', '.join(sorted(KERNELS))}."
            )
        if not 0 <= slope <= 1:
            raise ValueError(f"slope={slope}; it must lie in [0, 1].")
        self.heads, self.slope, self.kernel = heads, slope, kernel
        self.lin = nn.Linear(in_dim, heads * out_dim, bias=False)
        self.att_src = nn.Parameter(torch.empty(1, heads, out_dim))
        self.att_dst = nn.Parameter(torch.empty(1, heads, out_dim))
        self.bias = nn.Parameter(torch.zeros(out_dim)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming-normal: W by its fan-in, each head's att as one row of 2 * out_dim (our reading)."""
        nn.init.kaiming_normal_(self.lin.weight, a=0.01)
        _, heads, out_dim = self.att_src.shape
        att = nn.init.kaiming_normal_(torch.empty(heads, 2 * out_dim), a=0.01)
        with torch.no_grad():
            self.att_dst[0], self.att_src[0] = att.chunk(2, dim=-1)
            if self.bias is not None:
                self.bias.zero_()

    def weights(self) -> Weights:
        """The layer's weights, by head, as kernels take them."""
        lin = self.lin.weight.unflatten(0, (self.heads, -1))
        return Weights(lin, self.att_src[0], self.att_dst[0], self.slope)

    def forward(self, x: Tensor, graph: Tensor | ParallelGraph, mask: Tensor | None = None) -> Tensor:
        """One round of attention.

        Args:
            x: ``(batch, nodes, in_dim)``.
            graph: ``(nodes, nodes)`` bool, True where target row i reads source column j,
                or a ``ParallelGraph``, whose shape lets a faster kernel be chosen.
            mask: ``(batch, nodes)`` bool, True = real node; the others are never read.

        Returns:
            ``(batch, nodes, out_dim)``; a node without any source gets the bias alone.
        """
        x = x if mask is None else zero_padding(x, mask)
        weights = self.weights()
        kernel = choose(x, weights, graph) if self.kernel == "auto" else self.kernel
        y = KERNELS[kernel](x, weights, graph, mask)
        return y if self.bias is None else y + self.bias

    def by_head(self, x: Tensor, graph: Tensor | ParallelGraph, mask: Tensor | None = None) -> Tensor:
        """As ``forward``, the bias added to each head: ``(batch, heads, nodes, out_dim)``."""
        x = x if mask is None else zero_padding(x, mask)
        y = graph_attention_by_head(x, self.weights(), graph, mask)
        return y if self.bias is None else y + self.bias

    def attention(self, x: Tensor, graph: Tensor | ParallelGraph, mask: Tensor | None = None) -> Tensor:
        """The attention weights: ``(batch, heads, targets, sources)``, rows sum to one."""
        return attention_weights(x, self.weights(), graph, mask).transpose(1, 2)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, slope={self.slope}, kernel={self.kernel!r}"
