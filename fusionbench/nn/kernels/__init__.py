"""Exact ways to compute graph attention, one file each."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from fusionbench.nn.graphs import ParallelGraph
from fusionbench.nn.kernels.dense import dense
from fusionbench.nn.kernels.scores import Weights

Kernel = Callable[[Tensor, Weights, "Tensor | ParallelGraph", "Tensor | None"], Tensor]

KERNELS: dict[str, Kernel] = {"dense": dense}
"""name -> kernel"""
