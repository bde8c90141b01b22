"""MulT: every stream repeatedly reads every other one through cross-modal transformers.

Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language Sequences" (ACL 2019),
after the authors' code (yaohungt/Multimodal-Transformer, commit a670936, MIT). The code has
three modalities; the wiring for two (memory encoders one stream wide) is this project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb


def xavier_linear(in_dim: int, out_dim: int) -> nn.Linear:
    """Xavier-uniform weight, zero bias."""
    layer = nn.Linear(in_dim, out_dim)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def causal(queries: int, keys: int, device: torch.device) -> Tensor:
    """``(queries, keys)`` bool: row i may read column j where ``j <= i + |keys - queries|``."""
    i = torch.arange(queries, device=device)[:, None]
    j = torch.arange(keys, device=device)[None, :]
    return j <= i + abs(keys - queries)


class CrossLayer(nn.Module):
    """Pre-norm multi-head attention from ``x`` to ``source``, then a position-wise MLP."""

    def __init__(self, dim: int, config: MulT.Config):
        super().__init__()
        self.config = config
        self.in_proj = xavier_linear(dim, 3 * dim)  # query, key and value, one below the other
        self.out_proj = xavier_linear(dim, dim)
        self.fc1, self.fc2 = xavier_linear(dim, 4 * dim), xavier_linear(4 * dim, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))

    def forward(self, x: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
        q, k, v = (self.norms[0](part) for part in (x, key, value))  # one norm for all three
        weights, biases = self.in_proj.weight.chunk(3), self.in_proj.bias.chunk(3)
        q, k, v = (F.linear(part, w, b) for part, w, b in zip((q, k, v), weights, biases, strict=True))
        read = fb.attend(q, k, v, self.config.heads, allowed, self.config.attention_dropout * self.training)
        x = x + self._residual(self.out_proj(read))
        hidden = F.dropout(self.fc1(self.norms[1](x)).relu(), self.config.relu_dropout, self.training)
        return x + self._residual(self.fc2(hidden))

    def _residual(self, update: Tensor) -> Tensor:
        return F.dropout(update, self.config.residual_dropout, self.training)


class Encoder(nn.Module):
    """Layers through which ``x`` reads ``source`` (or itself); the source is never updated."""

    def __init__(self, dim: int, layers: int, config: MulT.Config):
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(CrossLayer(dim, config) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, source: Tensor | None, allowed: Tensor) -> Tensor:
        """``(batch, queries, dim)`` and ``(batch, keys, dim)`` -> ``(batch, queries, dim)``."""
        y = self.embed(x)
        # The dropout on key and value is drawn twice, as the code does.
        key, value = (None, None) if source is None else (self.embed(source), self.embed(source))
        for layer in self.layers:
            y = layer(y, y if key is None else key, y if value is None else value, allowed)
        return self.norm(y)

    def embed(self, x: Tensor) -> Tensor:
        """Scaled by sqrt(dim), plus positions counted from 1."""
        time, dim = x.shape[1:]
        positions = fb.fairseq_sinusoid(time + 1, dim, like=x)[1:].expand_as(x)
        if self.config.official:
            positions = positions.masked_fill(x[..., :1] == 0, 0.0)
        return F.dropout(dim**0.5 * x + positions, self.config.embedding_dropout, self.training)


class MulT(fb.FusionHead):
    """Multimodal Transformer: each stream reads every other, then a memory encoder reads the result."""

    name = "mult"

    class Config(fb.Config):
        dim: int = fb.tunable(30, choices=[30, 40, 50, 128], ge=1, description="width of each encoder")
        heads: int = fb.tunable(5, choices=[5, 10], ge=1, description="attention heads; must divide dim")
        layers: int = fb.tunable(5, low=2, high=6, ge=1, description="layers of the cross-modal encoders")
        causal: bool = Field(True, description="a step reads only steps up to its own")
        official: bool = Field(
            False, description="a step whose first channel is 0 gets no position, as in the authors' code"
        )
        attention_dropout: float = Field(0.1, ge=0, lt=1, description="share of attention weights dropped")
        relu_dropout: float = Field(0.1, ge=0, lt=1, description="share dropped after the MLP's ReLU")
        residual_dropout: float = Field(0.1, ge=0, lt=1, description="share of each update dropped")
        embedding_dropout: float = Field(
            0.25, ge=0, lt=1, description="share of the embedded streams dropped"
        )
        output_dropout: float = Field(0.0, ge=0, lt=1, description="share dropped in the last residual MLP")

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        if len(spec.dims) < 2:
            return f"it needs two or more streams to cross; the data have only {', '.join(spec.dims)}"
        if config.dim % config.heads:
            return f"heads={config.heads} does not divide dim={config.dim}"
        return None

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.config = config
        self.names = tuple(spec.dims)
        n, d = len(spec.dims), config.dim
        self.project = nn.ModuleList(
            nn.Identity() if dim == d else nn.Linear(dim, d, bias=False) for dim in spec.dims.values()
        )
        self.cross = nn.ModuleList(
            nn.ModuleList(Encoder(d, config.layers, config) for _ in range(n - 1)) for _ in range(n)
        )
        deep = max(config.layers, 3)
        self.memory = nn.ModuleList(Encoder((n - 1) * d, deep, config) for _ in range(n))
        width = n * (n - 1) * d
        self.proj1, self.proj2 = nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(width, spec.classes)

    def forward(self, streams: fb.Streams) -> Tensor:
        x = [fb.zero_padding(streams[name], streams.mask) for name in self.names]
        return self.classify(self.fuse(x, [streams.mask] * len(x)))

    def each_step(self, streams: fb.Streams) -> Tensor:
        """Every step of the memory encoders in place of the last; with ``causal`` none reads ahead."""
        x = [fb.zero_padding(streams[name], streams.mask) for name in self.names]
        x = [project(stream) for project, stream in zip(self.project, x, strict=True)]
        masks = [streams.mask] * len(x)
        return self.classify(torch.cat([self.remember(i, x, masks) for i in range(len(x))], dim=-1))

    def fuse(self, streams: list[Tensor], masks: list[Tensor]) -> Tensor:
        """The last step of every memory encoder, side by side; streams may differ in length.

        Args:
            streams: ``(batch, time_s, dim_s)`` each.
            masks: ``(batch, time_s)`` each, True = real.
        """
        x = [project(stream) for project, stream in zip(self.project, streams, strict=True)]
        return torch.cat([fb.last_real(self.remember(i, x, masks), masks[i]) for i in range(len(x))], dim=-1)

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """Which steps of every other stream each stream reads, then which of its own, layer by layer."""
        with fb.watch_attention() as seen:
            self(streams)
        names, every = [], zip(self.names, self.cross, self.memory, strict=True)
        encoders: Any
        for target, encoders, memory in every:
            sources = [name for name in self.names if name != target]
            readers = {f"{target} reads {source}": e for source, e in zip(sources, encoders, strict=True)}
            for what, encoder in {**readers, f"memory of {target}": memory}.items():
                names += [f"layer {number}, {what}" for number in range(1, len(encoder.layers) + 1)]
        axes = ("batch", "head", "target", "source")
        return {name: (axes, weights.cpu().numpy()) for name, weights in zip(names, seen, strict=True)}

    def remember(self, target: int, x: list[Tensor], masks: list[Tensor]) -> Tensor:
        """One stream after it read all others: ``(batch, time, (streams - 1) * dim)``."""
        others = [j for j in range(len(x)) if j != target]
        encoders: Any = self.cross[target]
        crossed = [
            encoder(x[target], x[j], self.allowed(masks[target], masks[j], self.config.causal))
            for encoder, j in zip(encoders, others, strict=True)
        ]
        own = self.allowed(masks[target], masks[target], self.config.causal)
        return self.memory[target](torch.cat(crossed, dim=-1), None, own)

    def classify(self, z: Tensor) -> Tensor:
        """A residual MLP and a linear layer."""
        hidden = F.dropout(self.proj1(z).relu(), self.config.output_dropout, self.training)
        return self.out(z + self.proj2(hidden))

    @staticmethod
    def allowed(queries: Tensor, keys: Tensor, only_past: bool) -> Tensor:
        """Which keys may be read, ``(batch, 1 or queries, keys)``, from the masks of both sequences."""
        real = keys.unsqueeze(1)
        return real & causal(queries.shape[1], keys.shape[1], keys.device) if only_past else real


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [MulT]
