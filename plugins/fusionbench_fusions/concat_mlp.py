"""Concatenation with a classifier on every frame; a clip's logits are the mean over its frames.

The other reading of "concatenation + MLP" in ARPGNet's Table 4: ``concat`` averages
before the MLP, this head after it.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

import fusionbench as fb


class ConcatMLP(fb.FusionHead):
    """Concatenation with the classifier on every frame; the mean of the frames' logits."""

    name = "concat_mlp"

    class Config(fb.Config):
        hidden: int | None = Field(
            None, ge=1, description="hidden width of the MLP; null = the mean width of the streams"
        )
        dropout: float = fb.tunable(
            0.25, low=0.0, high=0.6, ge=0, lt=1, description="on each frame's vector and the hidden layer"
        )

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = tuple(spec.dims)
        width = sum(spec.dims.values())
        hidden = config.hidden or width // len(spec.dims)
        self.classify = fb.Classifier(width, hidden, spec.classes, config.dropout)

    def forward(self, streams: fb.Streams) -> Tensor:
        side_by_side = torch.cat([streams[name] for name in self.names], dim=-1)
        frames = fb.zero_padding(side_by_side, streams.mask)
        return fb.masked_mean(self.classify(frames), streams.mask)


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [ConcatMLP]
