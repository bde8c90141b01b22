"""EST: a clip as a few snippets of frames, whose order a side task must recover.

Liu et al., "Expression Snippet Transformer for Robust Video-based Facial Expression
Recognition", after the authors' code (CausalLearning/EST, commit f85a0cd; facts only, the
repository has no licence). The whole method starts from its own ResNet-18; here it is a head:
the streams, side by side and projected to one width, take the place of the CNN's features.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb

EPSILON = 1e-8
"""smallest weight of a frame in its snippet"""


class Snippet(nn.Module):
    """Frames of one snippet to one vector: ``(snippets, frames, dim)`` -> ``(snippets, dim)``."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.drop, self.norm = nn.Dropout(dropout), nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        o = self.norm(x + self.drop(self.attn(x, x, x, need_weights=False)[0]))
        strongest = o.amax(dim=1, keepdim=True)
        weight = F.cosine_similarity(o, strongest, dim=-1).clamp(min=EPSILON).unsqueeze(-1)
        return (weight * o).sum(dim=1) / weight.sum(dim=1)


class EST(fb.FusionHead):
    """Expression Snippet Transformer: attention within snippets, then over them, and the order task."""

    name = "est"
    orders: Tensor

    class Config(fb.Config):
        snippets: int = Field(4, ge=2, description="snippets a clip is cut into (7 in the paper)")
        frames: int = Field(4, ge=1, description="frames of a snippet (5 in the paper)")
        dim: int = Field(512, ge=2, description="width inside")
        heads: int = Field(4, ge=1, description="attention heads")
        layers: int = Field(3, ge=1, description="layers of encoder and decoder each")
        ffn: int = Field(2048, ge=1, description="hidden width of the feed-forward layers")
        orders: int = Field(10, ge=2, description="orders of the snippets that the side task tells apart")
        order_weight: float = fb.tunable(
            0.1428, low=0.0, high=0.5, ge=0, description="of the side task's loss"
        )
        dropout: float = fb.tunable(0.1, low=0.0, high=0.5, ge=0, lt=1, description="inside the attention")

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        if config.dim % config.heads:
            return f"heads={config.heads} does not divide dim={config.dim}"
        if config.orders > math.factorial(config.snippets):
            return f"{config.snippets} snippets have fewer than orders={config.orders} orders"
        return None

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.config = config
        self.names = tuple(spec.dims)
        dim, width = config.dim, sum(spec.dims.values())
        self.project = nn.Identity() if width == dim else fb.kaiming_linear(nn.Linear(width, dim))
        self.snippet = Snippet(dim, config.heads, config.dropout)
        self.query = nn.Parameter(torch.randn(1, dim))
        self.transformer = nn.Transformer(
            dim, config.heads, config.layers, config.layers, config.ffn, config.dropout, batch_first=True
        )
        for weight in self.transformer.parameters():
            if weight.dim() > 1:
                nn.init.kaiming_uniform_(weight)
        self.classify = nn.Sequential(
            nn.Linear(dim, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(64, spec.classes),
        )
        self.order = nn.Sequential(
            nn.Linear(config.snippets * dim, 2048), nn.BatchNorm1d(2048), nn.ReLU(),
            nn.Linear(2048, 512), nn.BatchNorm1d(512), nn.ReLU(),
            nn.Linear(512, config.orders),
        )  # fmt: skip
        self.register_buffer("orders", some_orders(config.snippets, config.orders), persistent=False)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(self.read(self.snippets(streams)))

    def training_loss(
        self, streams: fb.Streams, labels: Tensor, criterion: fb.Criterion
    ) -> tuple[Tensor, Tensor]:
        """The clip's loss, plus that of telling in which order its snippets were shown."""
        snippets = self.snippets(streams)
        shown = torch.randint(len(self.orders), (len(labels),), device=labels.device)
        order = self.orders[shown]
        snippets = snippets.take_along_dim(order.unsqueeze(-1), dim=1)
        feature = self.read(snippets, order)
        logits = self.classify(feature)
        loss = criterion(logits, labels)
        if len(labels) > 1:  # batch normalisation needs two clips
            loss = loss + self.config.order_weight * F.cross_entropy(
                self.order_logits(snippets, feature), shown
            )
        return loss, logits

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """Which frames read which within a snippet, and which snippets the learned query reads."""
        decoder: Any = self.transformer.decoder
        modules = {"within snippets": self.snippet.attn}
        modules |= {f"layer {n}, query": layer.multihead_attn for n, layer in enumerate(decoder.layers, 1)}
        seen: dict[str, Any] = {}
        hooks = [
            module.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given}))
            for name, module in modules.items()
        ]
        try:
            self(streams)
        finally:
            for hook in hooks:
                hook.remove()
        weights = {
            name: modules[name](*given, average_attn_weights=False)[1].detach()
            for name, given in seen.items()
        }
        within = rearrange(weights.pop("within snippets"), "(b s) h i j -> b h s i j", s=self.config.snippets)
        found: dict[str, Any] = {
            "within snippets": (("batch", "head", "snippet", "target", "source"), within.cpu().numpy())
        }
        for name, read in weights.items():
            found[name] = (("batch", "head", "snippet"), read.squeeze(2).cpu().numpy())
        return found

    def snippets(self, streams: fb.Streams) -> Tensor:
        """``(batch, snippets, dim)``, from frames spread evenly over each clip's real frames."""
        side_by_side = torch.cat([streams[name] for name in self.names], dim=-1)
        x = self.project(fb.zero_padding(side_by_side, streams.mask))
        wanted = self.config.snippets * self.config.frames
        middle = torch.arange(wanted, device=x.device) + 0.5
        frame = (middle * streams.lengths.unsqueeze(1) / wanted).long()  # centres of equal segments
        x = x.take_along_dim(frame.unsqueeze(-1), dim=1)
        return self.describe(rearrange(x, "b (s f) d -> b s f d", s=self.config.snippets))

    def describe(self, frames: Tensor) -> Tensor:
        """``(batch, snippets, frames, dim)`` -> ``(batch, snippets, dim)``."""
        return self.snippet(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])

    def placed(self, snippets: Tensor, order: Tensor | None = None) -> Tensor:
        """Snippets with the positions they had in the clip; ``order`` ``(batch, snippets)``, if shuffled."""
        positions = snippets.shape[1] if order is None else order
        return snippets + fb.sinusoid(positions, snippets.shape[2], like=snippets)

    def read(self, snippets: Tensor, order: Tensor | None = None) -> Tensor:
        """``(batch, snippets, dim)`` -> ``(batch, dim)``: what the learned query finds."""
        query = self.query.expand(len(snippets), 1, -1)
        return self.transformer(self.placed(snippets, order), query).squeeze(1)

    def order_logits(self, snippets: Tensor, feature: Tensor) -> Tensor:
        """``(batch, orders)``; the side task does not train the snippets themselves."""
        return self.order((snippets.detach() + feature.unsqueeze(1)).flatten(1))


def some_orders(snippets: int, count: int) -> Tensor:
    """``(count, snippets)``: permutations spread evenly over all of them, the true order first."""
    every = math.factorial(snippets) // count
    orders = itertools.islice(itertools.permutations(range(snippets)), 0, every * count, every)
    return torch.tensor(list(orders))


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [EST]
