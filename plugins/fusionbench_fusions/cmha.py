"""CMHA: cross-modal attention blocks in series, each stream reading what came before it.

After the abstract of ARPGNet's reference [20]; no code and no full text could be read, so
this is one plausible reading, and not symmetric in the streams: the last one is read first
and has the last word. The reference's autoencoder pre-training is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb


class Block(nn.Module):
    """Multi-head attention from ``x`` to ``source`` and a feed-forward layer, each followed by a norm."""

    def __init__(self, dim: int, config: CMHA.Config):
        super().__init__()
        self.heads = config.heads
        self.q, self.k, self.v, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(dim, config.ffn), nn.Linear(config.ffn, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, source: Tensor, allowed: Tensor) -> Tensor:
        read = fb.attend(self.q(x), self.k(source), self.v(source), self.heads, allowed)
        x = self.norm1(x + self.drop(self.out(read)))
        return self.norm2(x + self.drop(self.fc2(self.drop(self.fc1(x).relu()))))


class CMHA(fb.FusionHead):
    """Cross-modal attention blocks in series, each stream reading what came before it.

    For two streams: ``h = Block(A, R); h = Block(R, h)``; mean over time, one linear layer.
    """

    name = "cmha"
    experimental = True

    class Config(fb.Config):
        heads: int = fb.tunable(8, choices=[4, 8], ge=1, description="attention heads")
        ffn: int = Field(2048, ge=1, description="hidden width of the feed-forward layers")
        width: int | None = Field(
            None, ge=1, description="width every stream is projected to; null = the widest stream's"
        )
        dropout: float = fb.tunable(0.1, low=0.0, high=0.5, ge=0, lt=1, description="of every update")

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        width = config.width or max(spec.dims.values())
        if width % config.heads:
            return f"heads={config.heads} does not divide the width {width}; set fusion.width"
        return None

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.align = fb.CommonWidth(spec.dims, config.width)
        self.blocks = nn.ModuleList(Block(self.align.width, config) for _ in spec.dims)
        self.classify = nn.Linear(self.align.width, spec.classes)

    def forward(self, streams: fb.Streams) -> Tensor:
        x = self.align(streams)
        h, allowed = x[-1], streams.mask.unsqueeze(1)
        for block, stream in zip(self.blocks, x, strict=True):
            h = block(stream, h, allowed)
        return self.classify(fb.masked_mean(h, streams.mask))

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """What each block reads: the first the last stream, the others what the block before them made."""
        with fb.watch_attention() as seen:
            self(streams)
        sources = [self.align.names[-1], *(f"block {number}" for number in range(1, len(seen)))]
        names = [f"{name} reads {source}" for name, source in zip(self.align.names, sources, strict=True)]
        axes = ("batch", "head", "target", "source")
        blocks = enumerate(zip(names, seen, strict=True), 1)
        return {f"block {n}, {name}": (axes, weights.cpu().numpy()) for n, (name, weights) in blocks}


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [CMHA]
