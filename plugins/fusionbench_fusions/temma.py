"""TEMMA: attention across the streams at each frame, then over time within each stream.

Chen et al., transformer encoder with multi-modal multi-head attention, after the authors'
code (Sunner4nwpu/TEMMA, commit c553200: model.py, main.py; facts only, the repository has no
licence). The code regresses a value a frame; pooling to one prediction a clip is ours.
All streams are kept in one tensor ``(streams, batch, time, dim)``: s b t d below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from einops import rearrange
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb

Window = PositiveInt | tuple[PositiveInt, ...]


class StreamLinear(nn.Module):
    """A linear map of its own for each stream: ``(streams, ..., in)`` -> ``(streams, ..., out)``."""

    def __init__(self, streams: int, in_dim: int, out_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.stack([xavier(out_dim, in_dim) for _ in range(streams)]))
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(streams, 1, out_dim), -1, 1) * in_dim**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1, -2)
        return torch.baddbmm(self.bias, flat, self.weight.transpose(1, 2)).view(*x.shape[:-1], -1)


class StreamNorm(nn.Module):
    """``a (x - mean) / (std + 1e-6) + b`` with the unbiased std: not torch's LayerNorm, as in the code."""

    def __init__(self, streams: int, dim: int):
        super().__init__()
        self.a = nn.Parameter(torch.ones(streams, 1, 1, dim))
        self.b = nn.Parameter(torch.zeros(streams, 1, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        return self.a * centred / (x.std(dim=-1, keepdim=True) + 1e-6) + self.b


class CausalConv(nn.Module):
    """Weight-normalised convolution over time that never looks ahead: ``(batch, dim, time)``."""

    def __init__(self, in_dim: int, out_dim: int, kernel: int, dilation: int):
        super().__init__()
        self.dilation, self.pad = dilation, (kernel - 1) * dilation
        self.weight_v = nn.Parameter(xavier(out_dim, in_dim, kernel))
        self.weight_g = nn.Parameter(xavier(out_dim, 1, 1))  # so the code initialises it, too
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(out_dim), -1, 1) * (in_dim * kernel) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        v = self.weight_v
        weight = self.weight_g * v / v.flatten(1).norm(dim=1).view(-1, 1, 1)
        return F.conv1d(F.pad(x, (self.pad, 0)), weight, self.bias, dilation=self.dilation)


class ResidualConv(nn.Module):
    """One level of the temporal convolution network: two causal convolutions and a skip."""

    def __init__(self, in_dim: int, out_dim: int, kernel: int, dilation: int, dropout: float):
        super().__init__()
        self.conv1 = CausalConv(in_dim, out_dim, kernel, dilation)
        self.conv2 = CausalConv(out_dim, out_dim, kernel, dilation)
        self.skip = nn.Identity() if in_dim == out_dim else nn.Conv1d(in_dim, out_dim, 1)
        if isinstance(self.skip, nn.Conv1d):
            nn.init.xavier_uniform_(self.skip.weight)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(self.conv1(x).relu())
        y = self.drop(self.conv2(y).relu())
        return (y + self.skip(x)).relu()


class Attention(nn.Module):
    """Queries, keys, values and output, each with its own map for each stream."""

    def __init__(self, streams: int, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q, self.k, self.v, self.out = (StreamLinear(streams, dim, dim) for _ in range(4))

    def across_streams(self, x: Tensor) -> Tensor:
        """MMA: at each frame, every stream reads all streams."""
        q, k, v = (rearrange(part(x), "s b t d -> (b t) s d") for part in (self.q, self.k, self.v))
        read = fb.attend(q, k, v, self.heads, dropout=self.dropout * self.training)
        return self.out(rearrange(read, "(b t) s d -> s b t d", b=x.shape[1]))

    def over_time(self, x: Tensor, allowed: Tensor) -> Tensor:
        """TMA: in each stream, every frame reads what ``allowed`` ``(streams, batch, time, time)`` names."""
        q, k, v = (rearrange(part(x), "s b t d -> (s b) t d") for part in (self.q, self.k, self.v))
        allowed = allowed.expand(-1, x.shape[1], -1, -1).flatten(0, 1)
        read = fb.attend(q, k, v, self.heads, allowed, self.dropout * self.training)
        return self.out(rearrange(read, "(s b) t d -> s b t d", s=x.shape[0]))


class Block(nn.Module):
    """MMA, TMA and feed-forward, each after a norm and added to what came in."""

    def __init__(self, streams: int, config: TEMMA.Config):
        super().__init__()
        dim, ffn = config.dim, config.ffn
        self.mma = Attention(streams, dim, config.stream_heads, config.stream_dropout)
        self.tma = Attention(streams, dim, config.heads, config.dropout)
        self.wide, self.narrow = StreamLinear(streams, dim, ffn), StreamLinear(streams, ffn, dim)
        self.norms = nn.ModuleList(StreamNorm(streams, dim) for _ in range(3))
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        x = x + self.drop(self.mma.across_streams(self.norms[0](x)))  # the only place where streams meet
        x = x + self.drop(self.tma.over_time(self.norms[1](x), allowed))
        return x + self.drop(self.narrow(self.drop(self.wide(self.norms[2](x)).relu())))


class TEMMA(fb.FusionHead):
    """TEMMA: attention across the streams at each frame, then over time within each stream."""

    name = "temma"

    class Config(fb.Config):
        dim: int = fb.tunable(128, choices=[64, 128, 256], ge=1, description="width of each stream inside")
        heads: int = fb.tunable(4, choices=[2, 4, 8], ge=1, description="heads of attention over time")
        stream_heads: int = Field(4, ge=1, description="heads of attention across the streams")
        ffn: int = Field(256, ge=1, description="hidden width of the feed-forward layers")
        blocks: int = fb.tunable(4, low=1, high=6, ge=1, description="encoder blocks")
        embed: Literal["temporal", "spatial"] = Field(
            "temporal", description="embedding: a temporal convolution network, or a linear map"
        )
        levels: int = Field(5, ge=1, description="levels of the convolution network, dilations 1, 2, 4, ...")
        kernel: int = Field(3, ge=1, description="frames a convolution spans, before dilation")
        past: Window = Field(
            50, description="a frame sees past - 1 earlier frames; one number, or one a stream"
        )
        future: Window = Field(10, description="a frame sees future - 1 later frames; likewise")
        position_base: float = Field(1000.0, gt=1, description="base of the positional encoding")
        dropout: float = fb.tunable(
            0.2, low=0.0, high=0.5, ge=0, lt=1, description="everywhere but across streams"
        )
        stream_dropout: float = Field(0.5, ge=0, lt=1, description="of the attention across streams")

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        for option in ("heads", "stream_heads"):
            if config.dim % getattr(config, option):
                return f"{option}={getattr(config, option)} does not divide dim={config.dim}"
        for window in (config.past, config.future):
            if isinstance(window, tuple) and len(window) != len(spec.dims):
                return f"{len(window)} windows {window} for {len(spec.dims)} streams"
        return None

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.config = config
        self.names = tuple(spec.dims)
        streams = len(spec.dims)
        self.embedding = nn.ModuleList(embedding(dim, config) for dim in spec.dims.values())
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(streams, config) for _ in range(config.blocks))
        self.norm = StreamNorm(streams, config.dim)
        width = streams * config.dim
        hidden, out = nn.Linear(width, width // 2), nn.Linear(width // 2, spec.classes)
        for layer in (hidden, out):
            nn.init.xavier_uniform_(layer.weight)
        self.classify = nn.Sequential(hidden, nn.ReLU(), out)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(fb.masked_mean(self.encode(streams), streams.mask))

    def each_step(self, streams: fb.Streams) -> Tensor:
        """A prediction a frame, as the authors' code makes it."""
        return self.classify(self.encode(streams))

    def encode(self, streams: fb.Streams) -> Tensor:
        """``(batch, time, streams * dim)``, stream by stream."""
        x = self.embed(streams)
        allowed = self.band(x.shape[2], x.device).unsqueeze(1) & streams.mask.unsqueeze(1)
        for block in self.blocks:
            x = block(x, allowed)
        return rearrange(self.norm(x), "s b t d -> b t (s d)")

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """What each block reads: all streams at each frame, then the frames of each stream."""
        with fb.watch_attention() as seen:
            self(streams)
        clips, found = len(streams.mask), {}
        across = ("batch", "head", "target stream", "source stream", "time")
        over = ("batch", "head", "stream", "target", "source")
        for number, (mma, tma) in enumerate(zip(seen[::2], seen[1::2], strict=True), 1):
            by_frame = rearrange(mma, "(b t) h i j -> b h i j t", b=clips)
            by_stream = rearrange(tma, "(s b) h i j -> b h s i j", b=clips)
            found[f"layer {number}, across streams"] = (across, by_frame.cpu().numpy())
            found[f"layer {number}, over time"] = (over, by_stream.cpu().numpy())
        return found

    def embed(self, streams: fb.Streams) -> Tensor:
        """``(streams, batch, time, dim)``, scaled by sqrt(dim), with positions."""
        x = torch.stack(
            [
                embed(fb.zero_padding(streams[name], streams.mask).transpose(1, 2)).transpose(1, 2)
                for embed, name in zip(self.embedding, self.names, strict=True)
            ]
        )
        positions = fb.sinusoid(x.shape[2], self.config.dim, self.config.position_base, like=x)
        x = self.drop(x * self.config.dim**0.5 + positions)
        return self.drop(x)  # twice: the code drops positions and embeddings, one after the other

    def band(self, time: int, device: torch.device | None = None) -> Tensor:
        """``(streams, time, time)``: query i may see j where ``-(past - 1) <= j - i <= future - 1``."""
        t = torch.arange(time, device=device)
        ahead = t[None, :] - t[:, None]
        past, future = (
            torch.tensor(w, device=device).expand(len(self.names))[:, None, None]
            for w in (self.config.past, self.config.future)
        )
        return (ahead > -past) & (ahead < future)


def xavier(*shape: int) -> Tensor:
    """Xavier-uniform, as the code initialises every parameter with more than one axis."""
    return nn.init.xavier_uniform_(torch.empty(shape))


def embedding(dim: int, config: TEMMA.Config) -> nn.Module:
    """``(batch, dim, time)`` -> ``(batch, config.dim, time)``."""
    if config.embed == "spatial":
        layer = nn.Conv1d(dim, config.dim, 1)
        nn.init.xavier_uniform_(layer.weight)
        return layer
    widths = [dim] + [config.dim] * config.levels
    return nn.Sequential(
        *(
            ResidualConv(widths[level], config.dim, config.kernel, 2**level, config.dropout)
            for level in range(config.levels)
        )
    )


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [TEMMA]
