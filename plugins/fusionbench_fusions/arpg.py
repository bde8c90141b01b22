"""ARPG: appearance and relation frames on one graph, joined within a temporal response scope.

ARPGNet (arXiv 2511.22188), section 3.4. The paper leaves the scope, the number of heads,
sigma, the classifier and more unsaid; what is decided here is listed in docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

SIGMA: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01, torch's default and the paper's (section 4.2.2)
    "relu": nn.ReLU,
}


class ARPG(fb.FusionHead):
    """ARPGNet's parallel graph fusion: frames of all streams on one graph, joined within a scope."""

    name = "arpg"

    class Config(fb.Config):
        trs: int | None = fb.tunable(
            3, low=0, high=15, ge=0, description="temporal response scope in frames; null = no scope"
        )
        heads: int = fb.tunable(4, choices=[1, 2, 4, 8], ge=1, description="attention heads, averaged")
        layers: int = Field(1, ge=1, description="graph attention layers")
        width: int | None = Field(
            None, ge=1, description="width every stream is projected to; null = the widest stream's"
        )
        hidden: int | None = Field(
            None, ge=1, description="hidden width of the classifier; null = one stream's width"
        )
        dropout: float = fb.tunable(
            0.25, low=0.0, high=0.6, ge=0, lt=1, description="on the pooled vector and the hidden layer"
        )
        slope: float = Field(0.01, ge=0, le=1, description="negative slope of the LeakyReLU on the scores")
        sigma: Literal["elu", "identity", "leaky_relu", "relu"] = Field(
            "leaky_relu", description="non-linearity after each graph attention layer"
        )
        mean_then_sigma: bool = Field(True, description="average the heads first, then apply sigma")
        stream_specific_w: bool = Field(False, description="a W of its own for each stream, not one for all")
        bias: bool = Field(True, description="a bias after each graph attention layer")

    @classmethod
    def canonical(cls, spec: fb.StreamSpec, config: Config) -> Config:
        """A scope that reaches from the first frame to the last is none."""
        whole = config.trs is not None and config.trs >= spec.max_time - 1
        return config.model_copy(update={"trs": None}) if whole else config

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.config = config
        self.streams = len(spec.dims)
        self.align = fb.CommonWidth(spec.dims, config.width)
        width = self.align.width
        self.layers = nn.ModuleList(
            fb.GraphAttention(self._slots * width, width, config.heads, config.slope, config.bias)
            for _ in range(config.layers)
        )
        if config.stream_specific_w:
            for name, weight in self.layers.named_parameters():
                if name.endswith("lin.weight"):  # the empty slots are no part of the fan-in
                    nn.init.normal_(weight, std=(2 / (1 + 0.01**2) / width) ** 0.5)
        self.sigma = SIGMA[config.sigma]()
        self.classify = fb.Classifier(
            self.streams * width, config.hidden or width, spec.classes, config.dropout
        )

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(fb.masked_mean(self.fuse(streams), streams.mask))

    def each_step(self, streams: fb.Streams) -> Tensor:
        return self.classify(self.fuse(streams))

    def fuse(self, streams: fb.Streams) -> Tensor:
        """The fused sequence, ``(batch, time, streams * width)``, stream by stream."""
        x, graph, mask = self._graph(streams)
        for layer in self.layers:
            x = self._attend(layer, x, graph, mask)
        return rearrange(x, "b (s t) c -> b t (s c)", s=self.streams)  # split back, concatenate (Eq. 9)

    def explain(self, streams: fb.Streams) -> Mapping[str, Any]:
        """The attention of each layer; node ``stream * time + frame`` is a frame of a stream."""
        x, graph, mask = self._graph(streams)
        found = {}
        layer: Any
        for number, layer in enumerate(self.layers, start=1):
            weights = layer.attention(self._slotted(x), graph, mask)
            found[f"layer {number}"] = (("batch", "head", "target", "source"), weights.detach().cpu().numpy())
            x = self._attend(layer, x, graph, mask)
        return found

    def _graph(self, streams: fb.Streams) -> tuple[Tensor, fb.ParallelGraph, Tensor]:
        """Nodes ``(batch, streams * time, width)``, the graph of Eq. 7 and which nodes are real."""
        x = self.align(streams)
        time = x.shape[2]
        x = x + fb.sinusoid(time, self.align.width, like=x)  # Eq. 5-6: the same table for every stream
        graph = fb.ParallelGraph(time, self.config.trs, self.streams)
        return rearrange(x, "s b t c -> b (s t) c"), graph, streams.mask.repeat(1, self.streams)

    def _attend(self, layer: Any, x: Tensor, graph: fb.ParallelGraph, mask: Tensor) -> Tensor:
        """Eq. 8: one graph attention layer and sigma, in the order ``mean_then_sigma`` says."""
        if self.config.mean_then_sigma:
            return self.sigma(layer(self._slotted(x), graph, mask))
        return self.sigma(layer.by_head(self._slotted(x), graph, mask)).mean(dim=1)

    @property
    def _slots(self) -> int:
        return self.streams if self.config.stream_specific_w else 1

    def _slotted(self, x: Tensor) -> Tensor:
        """Node s in slot s of its own: then ``[W_1 | W_2] [0; x] = W_2 x``, a W for each stream."""
        if not self.config.stream_specific_w:
            return x
        own = torch.eye(self.streams, dtype=x.dtype, device=x.device)
        by_stream = rearrange(x, "b (s t) c -> b s t c", s=self.streams)
        return torch.einsum("bstc,sz->bstzc", by_stream, own).flatten(3).flatten(1, 2)


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [ARPG]
