"""Products of float32 matrices on a CPU, by the faster of the two libraries inside torch.

Torch multiplies by MKL. On a processor of another maker MKL leaves half of its widest vectors
idle: one core of an AMD EPYC (Zen 5) does 105 GFLOP/s by MKL and 245 by oneDNN, which torch
holds as well, for its compiler. The choice depends on processor and shape alone, so that the
same machine gives the same digits.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

WORTH_IT = 2**21
"""multiplications from which oneDNN was faster in every shape that was measured"""


def project(x: Tensor, weight: Tensor) -> Tensor:
    """``x W^T`` with gradients: ``(..., in_dim)``, ``(out_dim, in_dim)`` -> ``(..., out_dim)``."""
    if _by_onednn(x, weight.T) and not _seen_by_transforms(x, weight):
        y: Tensor = _Projection.apply(x.flatten(0, -2), weight)
        return y.unflatten(0, x.shape[:-1])
    return F.linear(x, weight)


def multiply(x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """``x y`` without gradients: ``(rows, inner)``, ``(inner, columns)`` -> ``(rows, columns)``.

    Args:
        x: the rows.
        y: the columns; neither needs to be contiguous.
        out: where the result goes, if it has a place already.
    """
    if not _by_onednn(x, y):
        return torch.mm(x, y, out=out)
    made: Tensor = torch.ops.mkldnn._linear_pointwise(x, y.T, None, "none", [], "")
    return made if out is None else out.copy_(made)


def add_product(total: Tensor, x: Tensor, y: Tensor) -> None:
    """Add ``x y`` to ``total``."""
    if _by_onednn(x, y):
        total += multiply(x, y)
    else:
        total.addmm_(x, y)


class _Projection(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return multiply(x, weight.T)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        dx = multiply(dy, weight) if ctx.needs_input_grad[0] else None
        return dx, multiply(dy.T, x) if ctx.needs_input_grad[1] else None


def _by_onednn(x: Tensor, y: Tensor) -> bool:
    """Whether oneDNN is there, made for this kind of number, and faster."""
    return (
        x.dtype == y.dtype == torch.float32
        and x.device.type == "cpu"
        and x.numel() * y.shape[1] >= WORTH_IT
        and _mkl_is_slow()
        and bool(torch.backends.mkldnn.enabled)  # the user's switch
    )


@functools.cache
def _mkl_is_slow() -> bool:
    """Whether the processor has 512-bit vectors and MKL's maker did not make it."""
    processor = Path("/proc/cpuinfo")
    return (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and processor.exists()
        and "GenuineIntel" not in processor.read_text()
    )


def _seen_by_transforms(x: Tensor, weight: Tensor) -> bool:
    """Whether the compiler, autocast or a functorch transform has to see torch's own product."""
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor
    return (
        torch.compiler.is_compiling()
        or torch.is_autocast_enabled(x.device.type)
        or wrapped(x)
        or wrapped(weight)
    )
