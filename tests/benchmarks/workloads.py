"""What is measured: graph attention on given shapes, ours, PyTorch Geometric's and the floor.

The floor is the projection ``x W`` alone, forward and backward, as torch multiplies: no graph
attention that projects its nodes by the same product can be faster. Where ours falls below it,
oneDNN multiplied (``fusionbench/nn/kernels/products.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

import fusionbench as fb

HEADS, WIDTH = 4, 512
Step = Callable[[], object]


@dataclass(frozen=True)
class Workload:
    """One layer of graph attention on one shape, with weights shared by all contestants."""

    graph: Tensor | fb.ParallelGraph
    batch: int = 1
    in_dim: int = WIDTH

    @property
    def nodes(self) -> int:
        """Nodes of one clip."""
        return self.graph.nodes if isinstance(self.graph, fb.ParallelGraph) else len(self.graph)

    def inputs(self) -> Tensor:
        """Random nodes ``(batch, nodes, in_dim)``."""
        return torch.randn(self.batch, self.nodes, self.in_dim, generator=torch.Generator().manual_seed(0))

    def layer(self, kernel: str = "auto") -> fb.GraphAttention:
        """The layer with a kernel, always the same weights."""
        torch.manual_seed(1)
        return fb.GraphAttention(self.in_dim, WIDTH, HEADS, kernel=kernel)

    def forward(self, kernel: str = "auto") -> Step:
        """One forward pass without gradients."""
        layer, x = self.layer(kernel), self.inputs()

        @torch.no_grad()
        def step() -> Tensor:
            return layer(x, self.graph)

        return step

    def training(self, kernel: str = "auto") -> Step:
        """Forward and backward, gradients of the nodes included."""
        layer, x = self.layer(kernel), self.inputs().requires_grad_()
        dy = torch.randn(self.batch, self.nodes, WIDTH)

        def step() -> None:
            x.grad = None
            layer.zero_grad()
            layer(x, self.graph).backward(dy)

        return step

    def pyg(self) -> Step:
        """Forward and backward of PyTorch Geometric's layer, its edge list made beforehand."""
        from torch_geometric.nn import GATConv

        from fusionbench.nn.kernels.pyg import edge_list

        layer = GATConv(self.in_dim, WIDTH, HEADS, concat=False, add_self_loops=False, negative_slope=0.01)
        x = self.inputs().flatten(0, 1).requires_grad_()
        edges = edge_list(self.graph, None, self.batch, x.device)
        dy = torch.randn(len(x), WIDTH)

        def step() -> None:
            x.grad = None
            layer.zero_grad()
            layer(x, edges).backward(dy)

        return step

    def floor(self) -> Step:
        """Forward and backward of the projection alone."""
        x = self.inputs().requires_grad_()
        weight = torch.randn(HEADS * WIDTH, self.in_dim, requires_grad=True)
        dz = torch.randn(self.batch, self.nodes, HEADS * WIDTH)

        def step() -> None:
            x.grad = weight.grad = None
            F.linear(x, weight).backward(dz)

        return step


PAPER = Workload(fb.ParallelGraph(16, 4), batch=32)
BAND = Workload(fb.ParallelGraph(4096, 4))
BAND_SHORT = Workload(fb.ParallelGraph(256, 4))
FULL = Workload(fb.ParallelGraph(4096, None))
FULL_SHORT = Workload(fb.ParallelGraph(256, None))
REGIONS = Workload(fb.region_graph(6), batch=64)
