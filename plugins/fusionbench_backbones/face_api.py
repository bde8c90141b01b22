"""What face-api's networks share: how faces are scaled, and where their weights come from.

Facts: ``@vladmandic/face-api`` 1.7.15 (MIT), ``faceFeatureExtractor/FaceFeatureExtractor.ts`` and
``faceRecognitionNet/FaceRecognitionNet.ts``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

MEAN = (122.782, 117.001, 104.298)
"""of red, green and blue, from 0 to 255"""


class ReleasedConfig(fb.Config):
    """The only option of a network whose weights ``fusionbench weights get`` brings."""

    weights: Literal["released"] | Path | None = Field(
        "released",
        description="released (what `fusionbench weights get` brought), a safetensors file, or null: "
        "drawn at random",
    )


def weights_file(name: str, config: ReleasedConfig) -> Path | None:
    """The file of a network's weights.

    Raises:
        UserError: the released ones are wanted and not here; it says how to get them.
    """
    if config.weights == "released":
        return fb.released_weights(name)
    return config.weights.expanduser() if config.weights else None


class Centred(nn.Module):
    """Pixels in [0, 1] as the networks were trained on them: less the mean, 255 levels to one."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1) / 255, persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        return frames - self.mean
