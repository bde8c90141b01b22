"""Concatenation: the streams side by side, averaged over time, then the classifier.

The baseline of ARPGNet's Table 4, row 3. Concatenating and averaging commute.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

import fusionbench as fb


class Concat(fb.FusionHead):
    """Concatenation: the mean over time of the streams side by side, then the classifier."""

    name = "concat"

    class Config(fb.Config):
        classifier: Literal["mlp", "linear"] = Field(
            "mlp", description="the shared classifier with its hidden layer, or a single linear layer"
        )
        hidden: int | None = Field(
            None, ge=1, description="hidden width of the MLP; null = the mean width of the streams"
        )
        dropout: float = fb.tunable(
            0.25, low=0.0, high=0.6, ge=0, lt=1, description="on the pooled vector and the hidden layer"
        )

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = tuple(spec.dims)
        width = sum(spec.dims.values())
        hidden = config.hidden or width // len(spec.dims) if config.classifier == "mlp" else None
        self.classify = fb.Classifier(width, hidden, spec.classes, config.dropout)

    def forward(self, streams: fb.Streams) -> Tensor:
        side_by_side = torch.cat([streams[name] for name in self.names], dim=-1)
        return self.classify(fb.masked_mean(side_by_side, streams.mask))


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [Concat]
