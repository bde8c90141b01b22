"""The sum of scores of several networks whose features lie side by side in one stream.

DSN's scripts (github.com/LuyuProgram/DSN) sum the softmax outputs of every frame and
every network; the hand-set weights of the networks are not known, so they count alike.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb


class ScoreSum(fb.FusionHead):
    """Sum of scores: a linear layer for each network, softmax averaged over frames and networks.

    Returned as its logarithm.
    """

    name = "score_sum"

    class Config(fb.Config):
        stream: str | None = Field(None, description="name of the stream to read; null = the first")
        parts: tuple[int, ...] = Field(
            (4096, 2048, 1024, 4096, 2048), min_length=1, description="features of each network, in order"
        )

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        (stream,) = cls.reads(spec, config)
        if spec.dims.get(stream) == sum(config.parts):
            return None
        return (
            f"its parts add up to {sum(config.parts)} features, "
            f"stream {stream!r} has {spec.dims.get(stream)}. "
            "Use --backbone five_cnns, or set fusion.parts."
        )

    @classmethod
    def reads(cls, spec: fb.StreamSpec, config: Config) -> tuple[str, ...]:
        return (config.stream or next(iter(spec.dims)),)

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        (self.stream,) = self.reads(spec, config)
        self.classify = nn.ModuleList(
            fb.kaiming_linear(nn.Linear(part, spec.classes)) for part in config.parts
        )

    def forward(self, streams: fb.Streams) -> Tensor:
        parts = streams[self.stream].split([layer.in_features for layer in self.classify], dim=-1)
        scores = sum(layer(part).softmax(-1) for layer, part in zip(self.classify, parts, strict=True))
        return torch.log(fb.masked_mean(scores, streams.mask) / len(self.classify) + 1e-12)


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [ScoreSum]
