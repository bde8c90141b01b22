"""A small convolutional trunk that runs anywhere, with weights learnt from drawn faces.

It exists so that every command can be tried in minutes without gated data or
released weights. Its shipped weights (``tiny.safetensors``) come from
``fusionbench pretrain``: action units of generated faces, no photograph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from einops.layers.torch import Rearrange
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

SHIPPED = Path(__file__).with_suffix(".safetensors")
EMBEDDING = 128
MAP = (64, 12, 12)
"""channels, rows and columns: an eighth of the 96 x 96 face"""


def conv(width_in: int, width: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution - BN - ReLU."""
    return nn.Sequential(
        nn.Conv2d(width_in, width, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


class Tiny(fb.Backbone):
    """Three halvings to a map of 64 x 12 x 12, two more and a linear layer to 128 channels."""

    name = "tiny"
    trained_on = "drawings"

    class Config(fb.Config):
        weights: Literal["shipped"] | Path | None = Field(
            "shipped",
            description="shipped (learnt from drawn faces), a safetensors file, or null: drawn at random",
        )

    def __init__(self, config: Config):
        super().__init__(config)
        self.dim, self.map_shape = EMBEDDING, MAP
        # Each frame is standardised by itself: light and camera say nothing about expressions.
        self.standardise = nn.InstanceNorm2d(3)
        self.trunk = nn.Sequential(
            conv(3, 16, stride=2), conv(16, 32, stride=2), conv(32, 64, stride=2), conv(64, 64)
        )
        self.tail = nn.Sequential(
            conv(64, 64, stride=2),
            conv(64, 96, stride=2),
            Rearrange("f c rows cols -> f (c rows cols)"),
            nn.Linear(96 * 3 * 3, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING),
        )
        path = self.weights(config)
        self._pretrained = fb.load_weights(self, path) if path else []

    @classmethod
    def input_size(cls, config: Config) -> int:
        return 96

    @classmethod
    def weights(cls, config: Config) -> Path | None:
        if config.weights == "shipped":
            return SHIPPED
        return config.weights.expanduser() if config.weights else None

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        maps = self.trunk(self.standardise(frames))
        return fb.FrameFeatures(self.tail(maps), maps)

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [Tiny]
