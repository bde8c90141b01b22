"""Streams of any widths to one tensor of a common width."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusionbench.contract.types import Streams
from fusionbench.nn.classifier import kaiming_linear
from fusionbench.nn.pooling import zero_padding


class CommonWidth(nn.Module):
    """Stacks the streams; one that is not ``width`` wide first goes through a Linear of its own.

    Args:
        dims: stream name -> channels, in the order to stack.
        width: channels wanted; None = the widest stream's, so that streams of equal width
            pass unchanged.

    Attributes:
        width: channels of the result.
    """

    def __init__(self, dims: Mapping[str, int], width: int | None = None):
        super().__init__()
        self.width = width or max(dims.values())
        self.names = tuple(dims)
        self.align = nn.ModuleList(
            nn.Identity() if dim == self.width else kaiming_linear(nn.Linear(dim, self.width))
            for dim in dims.values()
        )

    def forward(self, streams: Streams) -> Tensor:
        """``(streams, batch, time, width)``, read with padded frames as zeros."""
        frames = [zero_padding(streams[name], streams.mask) for name in self.names]
        return torch.stack([align(x) for align, x in zip(self.align, frames, strict=True)])
