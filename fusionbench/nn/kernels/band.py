"""Graph attention within a temporal response scope, for long clips: cost and memory linear in time.

With the nodes put in order of time (all streams of frame 0, then of frame 1, ...), the
sources of a block of L successive frames lie in one contiguous window of L + 2 TRS frames::

    g = a x[window]          (block's targets x heads, window) times (window, in_dim)
    y = [g_1 ... g_H] W^T    once for many blocks: aggregate first, then project

Both products run while g is still in the cache. g is not kept: the backward pass sums it
again, which costs a few per cent of the projection and saves ``nodes * heads * in_dim``
numbers, most of what the layer would otherwise hold. Nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from fusionbench.nn.graphs import ParallelGraph
from fusionbench.nn.kernels.scores import Graph, Weights, node_scores, softmax_over_sources

FRAMES = 16
"""L, frames in a block: fewer waste less of the window, more make larger products"""
ROWS = 1024
"""targets that are projected at once: their sums, ``ROWS * heads * in_dim`` numbers, fit the cache"""


def graph_attention(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """``(batch, nodes, in_dim)`` -> ``(batch, nodes, out_dim)``, mean over the heads.

    Raises:
        ValueError: the graph is not a ``ParallelGraph`` with a scope.
    """
    if not isinstance(graph, ParallelGraph) or graph.trs is None:
        raise ValueError("the band kernel needs a ParallelGraph with a scope; use 'dense' or 'sorted'.")
    streams, time, trs = graph.streams, graph.time, min(graph.trs, graph.time - 1)
    blocks = -(-time // FRAMES)
    rim = (trs, blocks * FRAMES - time + trs)  # empty frames before and after, so that windows are equal
    block, window = FRAMES * streams, window_of(graph)

    by_time = F.pad(x.unflatten(1, (streams, time)).transpose(1, 2), (0, 0, 0, 0, *rim)).flatten(1, 2)
    target, source = node_scores(by_time, weights)
    target = target[:, trs * streams :][:, : blocks * block].unflatten(1, (blocks, block))
    source = source.unfold(1, window, block).transpose(-1, -2)  # batch, blocks, window, heads
    allowed = real_rows(graph, rim, mask, x.device).unfold(1, window, block).unsqueeze(2)
    allowed = allowed & within_scope(trs, streams, x.device)
    attention = softmax_over_sources(target, source, allowed, weights.slope).flatten(2, 3)

    side_by_side = weights.lin.transpose(0, 1).flatten(1) / len(weights.lin)
    y = BandSum.apply(attention, by_time, side_by_side, block)[:, : time * streams]
    return y.unflatten(1, (time, streams)).transpose(1, 2).flatten(1, 2)


def window_of(graph: ParallelGraph) -> int:
    """Nodes that the targets of one block read."""
    return (FRAMES + 2 * min(graph.trs or 0, graph.time - 1)) * graph.streams


def real_rows(
    graph: ParallelGraph, rim: tuple[int, int], mask: Tensor | None, device: torch.device
) -> Tensor:
    """``(1 or batch, rows)`` bool: which rows of the padded, time-ordered nodes are real."""
    if mask is None:
        mask = torch.ones(1, graph.nodes, dtype=torch.bool, device=device)
    by_time = mask.unflatten(1, (graph.streams, graph.time)).transpose(1, 2)
    return F.pad(by_time, (0, 0, *rim)).flatten(1)


def within_scope(trs: int, streams: int, device: torch.device) -> Tensor:
    """``(block, window)`` bool, the same in every block: the two frames are at most TRS apart."""
    target = torch.arange(FRAMES, device=device).repeat_interleave(streams)
    source = torch.arange(-trs, FRAMES + trs, device=device).repeat_interleave(streams)
    return (target[:, None] - source[None, :]).abs() <= trs


class BandSum(torch.autograd.Function):
    """Each block's targets sum their window of x, and the sums are projected.

    ``attention (batch, blocks, block * heads, window)``, ``x (batch, rows, in_dim)``,
    ``weight (out_dim, heads * in_dim)`` -> ``(batch, blocks * block, out_dim)``; the window of
    block k starts at row ``k * block``.
    """

    @staticmethod
    def forward(ctx: Any, attention: Tensor, x: Tensor, weight: Tensor, block: int) -> Tensor:
        ctx.save_for_backward(attention, x, weight)
        ctx.block = block
        y = x.new_empty(len(x), attention.shape[1] * block, len(weight))
        sums = room(attention, x, block)
        for clip, some in chunks(attention, block):
            g = sum_windows(attention[clip, some], x[clip], some, block, sums)
            torch.mm(g.view(-1, weight.shape[1]), weight.T, out=y[clip, targets(some, block)])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor | None, Tensor, None]:
        attention, x, weight = ctx.saved_tensors
        block, window = ctx.block, attention.shape[-1]
        d_attention, d_weight = torch.empty_like(attention), torch.zeros_like(weight)
        dx = torch.zeros_like(x) if ctx.needs_input_grad[1] else None
        sums, d_sums = room(attention, x, block), room(attention, x, block)
        for clip, some in chunks(attention, block):
            given = dy[clip, targets(some, block)]
            g = sum_windows(attention[clip, some], x[clip], some, block, sums)
            d_weight.addmm_(given.T, g.view(-1, weight.shape[1]))
            dg = d_sums[: len(g)]
            torch.mm(given, weight, out=dg.view(-1, weight.shape[1]))
            for k, d_sum in zip(range(some.start, some.stop), dg, strict=True):
                seen = slice(k * block, k * block + window)
                torch.mm(d_sum, x[clip, seen].T, out=d_attention[clip, k])
                if dx is not None:
                    dx[clip, seen].addmm_(attention[clip, k].T, d_sum)
        return d_attention, dx, d_weight, None


def chunks(attention: Tensor, block: int) -> Iterator[tuple[int, slice]]:
    """Runs of blocks with about ``ROWS`` targets, clip after clip."""
    step = max(ROWS // block, 1)
    for clip in range(attention.shape[0]):
        for start in range(0, attention.shape[1], step):
            yield clip, slice(start, min(start + step, attention.shape[1]))


def targets(some: slice, block: int) -> slice:
    """The targets of a run of blocks."""
    return slice(some.start * block, some.stop * block)


def room(attention: Tensor, x: Tensor, block: int) -> Tensor:
    """Space for the sums of one run of blocks: ``(blocks, block * heads, in_dim)``."""
    return x.new_empty(max(ROWS // block, 1), attention.shape[2], x.shape[2])


def sum_windows(attention: Tensor, x: Tensor, some: slice, block: int, out: Tensor) -> Tensor:
    """g of a run of blocks, written to the start of ``out``."""
    window = attention.shape[-1]
    g = out[: len(attention)]
    for k, a, g_k in zip(range(some.start, some.stop), attention, g, strict=True):
        torch.mm(a, x[k * block : k * block + window], out=g_k)
    return g
