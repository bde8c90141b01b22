"""Former-DFER's temporal transformer: a class token reads all frames.

Zhao and Liu, "Former-DFER: Dynamic Facial Expression Recognition Transformer" (ACM MM 2021),
after the authors' code (zengqunzhao/Former-DFER, commit 1b5ad6f, MIT). The whole method
starts from its own convolutional spatial transformer; here the streams, side by side and
projected to one width, take the place of its features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb


class Layer(nn.Module):
    """Pre-norm attention without biases on query, key and value, then an MLP with tanh-form GELU."""

    def __init__(self, config: FormerDFER.Config):
        super().__init__()
        dim, inner = config.dim, config.heads * config.head_dim
        self.heads = config.heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * inner, bias=False), nn.Linear(inner, dim)
        self.fc1, self.fc2 = nn.Linear(dim, config.ffn), nn.Linear(config.ffn, dim)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.drop(self.out(fb.attend(q, k, v, self.heads, allowed)))
        hidden = self.drop(F.gelu(self.fc1(self.norm2(x)), approximate="tanh"))
        return x + self.drop(self.fc2(hidden))


class FormerDFER(fb.FusionHead):
    """Former-DFER's temporal transformer: a class token reads all frames.

    Learned positions, three layers, no final norm; the class token is classified.
    """

    name = "former_dfer"

    class Config(fb.Config):
        dim: int = Field(512, ge=1, description="width inside")
        layers: int = fb.tunable(3, low=1, high=4, ge=1, description="transformer layers")
        heads: int = Field(8, ge=1, description="attention heads")
        head_dim: int = Field(64, ge=1, description="width of one head")
        ffn: int = Field(1024, ge=1, description="hidden width of the MLPs")
        dropout: float = fb.tunable(0.0, low=0.0, high=0.5, ge=0, lt=1, description="of every update")

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = tuple(spec.dims)
        dim, width = config.dim, sum(spec.dims.values())
        self.project = nn.Identity() if width == dim else fb.kaiming_linear(nn.Linear(width, dim))
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim))
        self.positions = nn.Parameter(torch.randn(1, 1 + spec.max_time, dim))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.classify = nn.Linear(dim, spec.classes)

    def forward(self, streams: fb.Streams) -> Tensor:
        side_by_side = torch.cat([streams[name] for name in self.names], dim=-1)
        x = self.project(fb.zero_padding(side_by_side, streams.mask))
        return self.classify(self.encode(x, streams.mask))

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """Whom the class token, which comes first, and the frames read in each layer."""
        with fb.watch_attention() as seen:
            self(streams)
        axes = ("batch", "head", "token and targets", "token and sources")
        return {f"layer {number}": (axes, weights.cpu().numpy()) for number, weights in enumerate(seen, 1)}

    def encode(self, x: Tensor, mask: Tensor) -> Tensor:
        """``(batch, time, dim)`` -> the class token ``(batch, dim)``.

        Raises:
            NotSupported: the clip has more frames than there are learned positions.
        """
        longest = self.positions.shape[1] - 1
        if x.shape[1] > longest:
            raise fb.NotSupported(
                f"former_dfer learns a position a frame: it has {longest} and got {x.shape[1]} frames. "
                "Sample fewer frames, or build it for longer clips."
            )
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = x + self.positions[:, : x.shape[1]]
        allowed = F.pad(mask, (1, 0), value=True).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, allowed)
        return x[:, 0]


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [FormerDFER]
