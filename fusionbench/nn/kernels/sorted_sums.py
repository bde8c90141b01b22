"""Graph attention where every node reads every node, in O(N log N) instead of O(N^2), and exact.

For one head, with target scores d_i and source scores s_j, ARPGNet's Eq. 2-3 need
``exp(LeakyReLU(d_i + s_j))``, and that is one of two products::

    A   exp(slope d_i) exp(slope s_j)        where d_i + s_j <  0
    B   exp(d_i) exp(s_j)                    where d_i + s_j >= 0

Sort the sources by s_j. For target i the A-sources are those before a split point and the
B-sources those after it, so its sum is a prefix sum of ``exp(slope s_j) x_j`` and a suffix
sum of ``exp(s_j) x_j``, looked up at the split and scaled. Both are kept only where chunks
of ``CHUNK`` sources begin and end; the sources in the chunk of its split a target adds one by
one. For all targets of a chunk that is one small matrix product with CHUNK + 2 rows: the
chunk's sources, the prefix of A and the suffix of B. Nothing is subtracted, and the largest
score is taken out of every exponent, so no digits are lost.

The backward pass has the same form: sources collect suffix and prefix sums over targets.
In all of it ``alpha_ij = far_i near_j``, a product of a target's and a source's factor, one
pair for A and one for B.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from fusionbench.nn.graphs import ParallelGraph
from fusionbench.nn.kernels.opaque import opaque, without_autocast
from fusionbench.nn.kernels.products import add_product, multiply
from fusionbench.nn.kernels.scores import Graph, Weights, node_scores

CHUNK = 48
"""sources between two kept sums"""
ROWS = 1024
"""targets that are projected at once"""


@opaque
def graph_attention(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """``(batch, nodes, in_dim)`` -> ``(batch, nodes, out_dim)``, mean over the heads.

    Raises:
        ValueError: the graph is not a ``ParallelGraph`` without scope.
    """
    if not isinstance(graph, ParallelGraph) or not graph.full:
        raise ValueError("the sorted kernel needs a ParallelGraph without scope; use 'dense' or 'band'.")
    target, source = (scores.transpose(1, 2).contiguous() for scores in node_scores(x, weights))
    real = torch.ones_like(x[..., 0], dtype=torch.bool) if mask is None else mask
    return SortedSum.apply(x, target, source, real, weights.lin, weights.slope)


class Plan(NamedTuple):
    """Sources sorted by score, targets by split, for every clip and head.

    A target belongs to the chunk in which its split lies. Chunks have room for the two sums:
    w = CHUNK + 2 rows. All clips', heads' and chunks' rows are numbered in one sequence.
    """

    sources: Tensor
    """order of the sources by chunk, ``(batch, heads, chunks * w)``; unused rows repeat node 0"""
    targets: Tensor
    """order of the targets, ``(batch, heads, nodes)``"""
    home: Tensor
    """number of the chunk of each sorted target, ``(batch * heads * nodes,)``"""
    near: Tensor
    """factors of the sources for A and B, ``(batch, heads, chunks, 2, w)``; zero in unused rows"""
    alpha: Tensor
    """of each sorted target on its chunk's rows, ``(batch, heads, nodes, w)``; the last two its factors"""
    before: Tensor
    """bool: that row is a source before the split (A), ``(batch, heads, nodes, w)``"""
    mass: Tensor
    """sum of alpha over all A-sources of each sorted target, ``(batch, heads, nodes)``"""


def plan(target: Tensor, source: Tensor, real: Tensor, slope: float) -> Plan:
    """Sort, split and weigh: scores ``(batch, heads, nodes)``, mask ``(batch, nodes)``."""
    batch, heads, nodes = target.shape
    chunks = -(-nodes // CHUNK)
    lowest = torch.finfo(source.dtype).min / 4
    s, sources = source.masked_fill(~real.unsqueeze(1), lowest).sort(dim=-1)
    split, targets = torch.searchsorted(s, -target).sort(dim=-1)  # the first source with d + s >= 0
    d, top = target.gather(-1, targets), s[..., -1:]

    near = torch.stack([slope * (s - top), s - top], dim=-2).exp()
    near = near * real.unsqueeze(1).expand_as(s).gather(-1, sources).unsqueeze(-2)
    peak = F.leaky_relu(d + top, slope)  # the largest score of each target
    far = torch.stack([slope * (d + top) - peak, d + top - peak], dim=-2).exp()

    # Sums of near before (A) and after (B) each possible split: scalars, so float64 is cheap.
    below = F.pad(near[..., 0, :].double().cumsum(-1), (1, 0)).gather(-1, split)
    above = F.pad(near[..., 1, :].double().flip(-1).cumsum(-1).flip(-1), (0, 1)).gather(-1, split)
    mass = far * torch.stack([below, above], dim=-2)
    total = mass.sum(dim=-2, keepdim=True)
    scale = torch.where(total > 0, 1 / total, 0.0)  # without any real source: all weights zero
    far, mass = (far * scale).to(d.dtype), (mass * scale).to(d.dtype)

    near, sources = (
        in_chunks(near, chunks).transpose(-2, -3).contiguous(),
        in_chunks(sources, chunks).flatten(-2),
    )
    chunk = (split // CHUNK).clamp(max=chunks - 1)
    first = torch.arange(batch * heads, device=d.device).view(batch, heads, 1) * chunks
    home = (chunk + first).flatten()
    met_a, met_b = near.flatten(0, 2).index_select(0, home).view(batch, heads, nodes, 2, -1).unbind(-2)
    before = torch.arange(CHUNK + 2, device=d.device) < (split - chunk * CHUNK).unsqueeze(-1)
    far_a, far_b = far.unsqueeze(-1).unbind(-3)
    alpha = torch.where(before, far_a * met_a, far_b * met_b)
    alpha[..., CHUNK:] = far.transpose(-1, -2)
    return Plan(sources, targets, home, near, alpha, before, mass[..., 0, :])


def in_chunks(x: Tensor, chunks: int) -> Tensor:
    """``(..., nodes)`` -> ``(..., chunks, CHUNK + 2)``, zero in unused rows."""
    filled = F.pad(x, (0, chunks * CHUNK - x.shape[-1]))
    return F.pad(filled.unflatten(-1, (chunks, CHUNK)), (0, 2))


def tiles(members: list[int]) -> Iterator[tuple[slice, list[tuple[int, slice]]]]:
    """Runs of at most ``ROWS`` sorted targets, each with its chunks and their share of the run.

    Args:
        members: number of targets in each chunk.
    """
    first = start = end = 0
    parts: list[tuple[int, slice]] = []
    for chunk, count in enumerate(members):
        end += count
        while start < end:
            stop = min(end, first + ROWS)
            parts.append((chunk, slice(start - first, stop - first)))
            start = stop
            if start == first + ROWS:
                yield slice(first, start), parts
                first, parts = start, []
    if parts:
        yield slice(first, start), parts


def heads_of_clips(p: Plan) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Every clip and head, with the number of targets in each of its chunks."""
    batch, heads, chunks = p.near.shape[:3]
    members = p.home.bincount(minlength=batch * heads * chunks).view(batch, heads, chunks).tolist()
    for clip, head in product(range(batch), range(heads)):
        yield (clip, head), members[clip][head]


def outside(sums: Tensor) -> Tensor:
    """For each chunk the sum of A over the chunks before it and of B over those after it.

    ``(..., chunks, 2, dim)`` -> the same shape.
    """
    a, b = sums.unbind(-2)
    before = F.pad(a.cumsum(-2)[..., :-1, :], (0, 0, 1, 0))
    after = F.pad(b.flip(-2).cumsum(-2).flip(-2)[..., 1:, :], (0, 0, 0, 1))
    return torch.stack([before, after], dim=-2)


def outside_transposed(sums: Tensor) -> Tensor:
    """How gradients take ``outside`` back: A from later chunks, B from earlier ones."""
    return outside(sums.flip(-2)).flip(-2)


def rows_of_chunks(x: Tensor, order: Tensor, near: Tensor) -> Tensor:
    """What each chunk's targets multiply: its sources, prefix of A, suffix of B.

    ``(chunks, w, in_dim)``, from ``x (nodes, in_dim)``.
    """
    rows = x.index_select(0, order).unflatten(0, (len(near), -1))
    rows[:, CHUNK:] = outside(near @ rows)
    return rows


class SortedSum(torch.autograd.Function):
    """Attention over all nodes, summed and then projected, one clip and head after the other.

    Scores are ``(batch, heads, nodes)``, the projection ``(heads, out_dim, in_dim)``.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, target: Tensor, source: Tensor, real: Tensor, lin: Tensor, slope: float
    ) -> Tensor:
        p = plan(target, source, real, slope)
        y = x.new_zeros(*x.shape[:2], lin.shape[1])
        for at, members in heads_of_clips(p):
            clip, head = at
            rows = rows_of_chunks(x[clip], p.sources[at], p.near[at])
            for run, parts in tiles(members):
                g = sums_of(p.alpha[at][run], rows, parts)
                y[clip].index_add_(0, p.targets[at][run], multiply(g, lin[head].T))
        ctx.save_for_backward(x, lin, *p)
        ctx.slope = slope
        return y / len(lin)

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, lin, *saved = ctx.saved_tensors
        p, dy = Plan(*saved), dy / len(lin)
        dx, d_lin = torch.zeros_like(x), torch.zeros_like(lin)
        d_alpha, d_near = torch.empty_like(p.alpha), torch.empty_like(p.near)
        for at, members in heads_of_clips(p):
            clip, head = at
            rows = rows_of_chunks(x[clip], p.sources[at], p.near[at])
            d_rows = torch.zeros_like(rows)
            for run, parts in tiles(members):
                alpha, given = p.alpha[at][run], dy[clip].index_select(0, p.targets[at][run])
                add_product(d_lin[head], given.T, sums_of(alpha, rows, parts))
                dg, d_weights = multiply(given, lin[head]), d_alpha[at][run]
                for chunk, part in parts:
                    torch.mm(dg[part], rows[chunk].T, out=d_weights[part])
                    d_rows[chunk].addmm_(alpha[part].T, dg[part])
            from_far = outside_transposed(d_rows[:, CHUNK:])
            d_near[at] = from_far @ rows.transpose(1, 2)
            d_rows[:, CHUNK:] = 0
            d_rows.baddbmm_(p.near[at].transpose(1, 2), from_far)
            dx[clip].index_add_(0, p.sources[at], d_rows.flatten(0, 1))
        return dx, *score_gradients(p, d_alpha, d_near, ctx.slope), None, d_lin, None


def sums_of(alpha: Tensor, rows: Tensor, parts: list[tuple[int, slice]]) -> Tensor:
    """g_i = sum_j alpha_ij x_j of some sorted targets: ``(targets, in_dim)``."""
    g = rows.new_empty(len(alpha), rows.shape[2])
    for chunk, part in parts:
        torch.mm(alpha[part], rows[chunk], out=g[part])
    return g


def score_gradients(p: Plan, d_alpha: Tensor, d_near: Tensor, slope: float) -> tuple[Tensor, Tensor]:
    """Gradients of target and source scores, each ``(batch, heads, nodes)``.

    With ``m_ij = alpha_ij (dalpha_ij - delta_i)`` and ``delta_i = sum_j alpha_ij dalpha_ij``, as
    for any softmax, a score's gradient is the sum of its m, times slope where (i, j) is in A.
    """
    m = p.alpha * d_alpha
    a = (m * p.before).sum(dim=-1) + m[..., CHUNK]  # sum of alpha dalpha over A
    delta = m.sum(dim=-1)
    on_target = (1 - slope) * (delta * p.mass - a)

    missed = p.alpha * delta.unsqueeze(-1)
    m = m - missed
    m = torch.where(p.before, slope * m, m)
    m[..., CHUNK:] = missed[..., CHUNK:]
    on_source = m.new_zeros(p.near.shape[:3].numel(), CHUNK + 2).index_add_(0, p.home, m.flatten(0, 2))
    on_source = on_source.view(*p.near.shape[:3], -1)
    missed_by_far = outside_transposed(on_source[..., CHUNK:].unsqueeze(-1))
    met = p.near * (d_near - missed_by_far)
    on_source = on_source + slope * met[..., 0, :] + met[..., 1, :]

    nodes = p.targets.shape[-1]
    d_target = torch.empty_like(on_target).scatter_(-1, p.targets, on_target)
    d_source = torch.empty_like(on_target).scatter_(
        -1, in_order(p.sources, nodes), in_order(on_source, nodes)
    )
    return d_target, d_source


def in_order(x: Tensor, nodes: int) -> Tensor:
    """The used rows of all chunks: ``(batch, heads, nodes)``."""
    return x.view(*x.shape[:2], -1, CHUNK + 2)[..., :CHUNK].flatten(-2)[..., :nodes]
