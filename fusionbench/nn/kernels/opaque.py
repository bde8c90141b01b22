"""Keeps autocast and the compiler out of kernels with their own backward pass: they cannot see into it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from fusionbench.nn.kernels.scores import Graph, Kernel, Weights

Gradients = TypeVar("Gradients")


def opaque(kernel: Kernel) -> Kernel:
    """The kernel in float32 at least, whatever autocast says, and as one call that is not compiled."""

    @functools.wraps(kernel)
    def as_it_is(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        lin, att_src, att_dst = (weight.to(wide) for weight in weights[:3])
        with torch.autocast(x.device.type, enabled=False):
            y = kernel(x.to(wide), Weights(lin, att_src, att_dst, weights.slope), graph, mask)
        return y.to(torch.promote_types(x.dtype, weights.lin.dtype))

    uncompiled: Kernel = torch._disable_dynamo(as_it_is)

    @functools.wraps(kernel)
    def called(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
        # torch._disable_dynamo imports the compiler, which takes a second: not where nothing is compiled.
        run = uncompiled if torch.compiler.is_compiling() else as_it_is
        return run(x, weights, graph, mask)

    return called


def without_autocast(backward: Callable[[Any, Tensor], Gradients]) -> Callable[[Any, Tensor], Gradients]:
    """The backward pass of such a kernel, also where it is called inside autocast."""

    @functools.wraps(backward)
    def as_it_is(ctx: Any, dy: Tensor) -> Gradients:
        with torch.autocast(dy.device.type, enabled=False):
            return backward(ctx, dy)

    return as_it_is
