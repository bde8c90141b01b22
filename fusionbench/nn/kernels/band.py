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
from fusionbench.nn.kernels.opaque import opaque, without_autocast
from fusionbench.nn.kernels.products import add_product, multiply
from fusionbench.nn.kernels.scores import Graph, Weights, node_scores, softmax_over_sources

FRAMES = 8
"""L, frames in a block: fewer waste less of the window, more make larger products"""
ROWS = 1024
"""targets that are projected at once: their sums, ``ROWS * heads * in_dim`` numbers, fit the cache"""


@opaque
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
        seen = in_windows(x, attention, block)
        y = x.new_empty(len(x), attention.shape[1] * block, len(weight))
        room = x.new_empty(blocks_at_once(block), attention.shape[2], x.shape[2])
        for clip, some in chunks(attention, block):
            g = torch.bmm(attention[clip, some], seen[clip, some], out=room[: some.stop - some.start])
            multiply(g.view(-1, weight.shape[1]), weight.T, out=y[clip, targets(some, block)])
        return y

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor | None, Tensor, None]:
        attention, x, weight = ctx.saved_tensors
        block, window = ctx.block, attention.shape[-1]
        seen, apart = in_windows(x, attention, block), -(-window // block)
        d_attention, d_weight = torch.empty_like(attention), torch.zeros_like(weight)
        dx = torch.zeros_like(x)
        d_seen = in_windows(dx, attention, block)
        room = x.new_empty(blocks_at_once(block), attention.shape[2], x.shape[2])
        for clip, some in chunks(attention, block):
            a, given = attention[clip, some], dy[clip, targets(some, block)]
            g = torch.bmm(a, seen[clip, some], out=room[: len(a)])
            add_product(d_weight, given.T, g.view(-1, weight.shape[1]))
            dg = multiply(given, weight).view(g.shape)
            torch.bmm(dg, seen[clip, some].transpose(1, 2), out=d_attention[clip, some])
            if ctx.needs_input_grad[1]:
                for first in range(apart):  # windows that far apart do not overlap
                    d_some = d_seen[clip, some][first::apart]
                    d_some.baddbmm_(a[first::apart].transpose(1, 2), dg[first::apart])
        return d_attention, dx if ctx.needs_input_grad[1] else None, d_weight, None


def in_windows(x: Tensor, attention: Tensor, block: int) -> Tensor:
    """A view ``(batch, blocks, window, in_dim)`` of the rows that each block reads; windows overlap."""
    return x.unfold(1, attention.shape[-1], block).transpose(-1, -2)


def blocks_at_once(block: int) -> int:
    """Blocks with about ``ROWS`` targets together."""
    return max(ROWS // block, 1)


def chunks(attention: Tensor, block: int) -> Iterator[tuple[int, slice]]:
    """Runs of blocks, clip after clip."""
    step = blocks_at_once(block)
    for clip in range(attention.shape[0]):
        for start in range(0, attention.shape[1], step):
            yield clip, slice(start, min(start + step, attention.shape[1]))


def targets(some: slice, block: int) -> slice:
    """The targets of a run of blocks."""
    return slice(some.start * block, some.stop * block)
