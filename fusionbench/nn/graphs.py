"""The two graphs of ARPGNet: over facial regions (Eq. 1) and over the frames of parallel streams (Eq. 7)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def region_graph(patches: int, device: torch.device | str | None = None) -> Tensor:
    """Which regions of a face touch or mirror each other (ARPGNet, Eq. 1).

    Regions i and j are joined where they are the same, where they share a side, or
    where one is the other's mirror image across the vertical mid-line of the face.

    Args:
        patches: P, patches per side of the feature map; regions are numbered row by row.
        device: where the result lives.

    Returns:
        ``(regions, regions)`` bool, symmetric, True on the diagonal; regions = P * P.
    """
    region = torch.arange(patches * patches, device=device)
    row, col = region // patches, region % patches
    rows_apart = (row[:, None] - row[None, :]).abs()
    cols_apart = (col[:, None] - col[None, :]).abs()
    touching = rows_apart + cols_apart <= 1
    mirrored = (rows_apart == 0) & (col[:, None] + col[None, :] == patches - 1)
    return touching | mirrored


@dataclass(frozen=True)
class ParallelGraph:
    """Frames of N synchronous streams, joined within a temporal response scope (ARPGNet, Eq. 7).

    Node ``s * time + t`` is frame t of stream s. Nodes i and j are joined where
    ``|i mod T - j mod T| <= TRS``, whatever streams they belong to; so every node is
    joined to itself and to the same moment of the other streams.

    Attributes:
        time: T, frames of each stream.
        trs: temporal response scope in frames; None = no scope, every frame sees every frame.
        streams: how many streams run side by side.
    """

    time: int
    trs: int | None = None
    streams: int = 2

    @property
    def nodes(self) -> int:
        """Nodes of the graph."""
        return self.streams * self.time

    @property
    def full(self) -> bool:
        """Whether every node sees every node."""
        return self.trs is None or self.trs >= self.time - 1

    @property
    def edges(self) -> int:
        """Directed edges, self loops included: ``N^2 (T (2S + 1) - S (S + 1))`` with S = TRS."""
        scope = self.time - 1 if self.full or self.trs is None else self.trs
        return self.streams**2 * (self.time * (2 * scope + 1) - scope * (scope + 1))

    def adjacency(self, device: torch.device | str | None = None) -> Tensor:
        """``(nodes, nodes)`` bool, True where target row i reads source column j."""
        if self.full or self.trs is None:
            return torch.ones(self.nodes, self.nodes, dtype=torch.bool, device=device)
        moment = torch.arange(self.time, device=device).repeat(self.streams)
        return (moment[:, None] - moment[None, :]).abs() <= self.trs
