"""Exact ways to compute graph attention, one file each, and the rule that picks one by shape."""

from __future__ import annotations

from torch import Tensor

from fusionbench.nn.graphs import ParallelGraph
from fusionbench.nn.kernels import aggregate, band, dense, pyg, sorted_sums
from fusionbench.nn.kernels.scores import Graph, Kernel, Weights

KERNELS: dict[str, Kernel] = {
    "aggregate": aggregate.graph_attention,
    "band": band.graph_attention,
    "dense": dense.graph_attention,
    "pyg": pyg.graph_attention,
    "sorted": sorted_sums.graph_attention,
}
"""name -> kernel"""

SORTED_FROM = 224
"""nodes from which sorting beats the dense sum on a CPU (measured at 512 channels, 4 heads)"""
BAND_FROM, BAND_WINDOWS = 128, 3
"""nodes, and windows of the band they must exceed, from which it beats the dense sum (measured likewise)"""
ACCELERATOR_FROM = 4096
"""nodes from which memory decides on other devices, where large dense products are cheap (not measured)"""


def choose(x: Tensor, weights: Weights, graph: Graph) -> str:
    """The name of the kernel that is fastest for these shapes."""
    on_cpu = x.device.type == "cpu"
    if isinstance(graph, ParallelGraph) and (on_cpu or graph.nodes >= ACCELERATOR_FROM):
        if graph.full and graph.nodes >= SORTED_FROM:
            return "sorted"
        if not graph.full and graph.nodes >= BAND_FROM and graph.nodes > BAND_WINDOWS * band.window_of(graph):
            return "band"
    _, out_dim, in_dim = weights.lin.shape
    return "aggregate" if out_dim >= in_dim and x.requires_grad else "dense"
