"""Multi-attention: attention over the moments of each stream, then attention over the streams.

After the one sentence that ARPGNet (section 2.2) gives about its reference [36]; no code
and no full text could be read, so every size and formula below is this project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb


class Score(nn.Module):
    """``v^T tanh(W x + b)``: one number for each vector, ``(..., dim)`` -> ``(...)``."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.W = nn.Linear(dim, hidden)
        self.v = nn.Linear(hidden, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.v(torch.tanh(self.W(x))).squeeze(-1)


class MultiAttention(fb.FusionHead):
    """Attention over the moments of each stream, then over the streams; blind to the order of frames."""

    name = "multi_attention"
    experimental = True

    class Config(fb.Config):
        hidden: int = fb.tunable(128, choices=[64, 128, 256], ge=1, description="width of the scoring layers")
        combine: Literal["sum", "concat"] = Field(
            "sum", description="weighted streams are summed, or set side by side"
        )
        width: int | None = Field(
            None, ge=1, description="width every stream is projected to; null = the widest stream's"
        )
        dropout: float = fb.tunable(0.25, low=0.0, high=0.6, ge=0, lt=1, description="on the fused vector")

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.config = config
        self.align = fb.CommonWidth(spec.dims, config.width)
        self.intra = nn.ModuleList(Score(self.align.width, config.hidden) for _ in spec.dims)
        self.inter = Score(self.align.width, config.hidden)  # shared by the streams
        fused = self.align.width * (len(spec.dims) if config.combine == "concat" else 1)
        self.classify = fb.Classifier(fused, None, spec.classes, config.dropout)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(self.fuse(streams)[0])

    def fuse(self, streams: fb.Streams) -> tuple[Tensor, Tensor, Tensor]:
        """The fused vector ``(batch, dim)``, alpha ``(batch, streams, time)``, beta ``(batch, streams)``."""
        x = self.align(streams)
        s = torch.stack([score(stream) for score, stream in zip(self.intra, x, strict=True)], dim=1)
        alpha = fb.masked_softmax(s, streams.mask.unsqueeze(1))  # over time, within a stream
        g = torch.einsum("bst,sbtc->bsc", alpha, x)
        beta = self.inter(g).softmax(dim=1)  # over the streams
        weighted = beta.unsqueeze(-1) * g
        fused = weighted.flatten(1) if self.config.combine == "concat" else weighted.sum(dim=1)
        return fused, alpha, beta

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """Which moments and which streams the head looked at."""
        _, alpha, beta = self.fuse(streams)
        return {
            "intra-modal": (("batch", "stream", "time"), alpha.detach().cpu().numpy()),
            "inter-modal": (("batch", "stream"), beta.detach().cpu().numpy()),
        }


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [MultiAttention]
