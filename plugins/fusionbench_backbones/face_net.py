"""face-api's recognition network, dlib's ResNet: 128 channels that tell one person from another.

Layout: ``@vladmandic/face-api`` 1.7.15 (MIT), ``faceRecognitionNet/FaceRecognitionNet.ts`` and
``residualLayer.ts``. Its weights are brought by ``fusionbench weights get face_net``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb

from .face_api import Centred, ReleasedConfig, weights_file

SIDE = 150
EMBEDDING = 128
STAGES = ((32, 32, 3), (32, 64, 3), (64, 128, 2), (128, 256, 2))
"""channels before, channels, units that keep the size; all but the first stage begin with a halving unit"""
MAP_STAGE = 2
"""the stage whose map is given: 128 x 8 x 8 (our choice: the last with more than a handful of places)"""


class Scale(nn.Module):
    """A factor and a shift a channel: what is left of batch normalisation."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class Scaled(nn.Module):
    """A convolution with a bias, then ``Scale``; a halving one pads nothing."""

    def __init__(self, width_in: int, width: int, kernel: int = 3, halves: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(width_in, width, kernel, 2 if halves else 1, 0 if halves else kernel // 2)
        self.scale = Scale(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(self.conv(x))


class Unit(nn.Module):
    """Two convolutions added to the skip; where they halve, the skip is pooled.

    New channels of the skip are zeros. A map that came out one row and column short of the skip
    gets zeros below and to the right.
    """

    def __init__(self, width_in: int, width: int, halves: bool = False):
        super().__init__()
        self.halves = halves
        self.conv1 = Scaled(width_in, width, halves=halves)
        self.conv2 = Scaled(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        if self.halves:
            x = F.avg_pool2d(x, 2)
            y = F.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return F.relu(x + y)


class FaceNet(fb.Backbone):
    """128 channels that were learnt from identities; the map is that of the third stage, 128 x 8 x 8."""

    name = "face_net"

    class Config(ReleasedConfig):
        """Which weights."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.dim, self.map_shape = EMBEDDING, (128, 8, 8)
        self.centred = Centred()
        self.conv32_down = Scaled(3, 32, kernel=7, halves=True)
        for width_in, width, units in STAGES:
            if width_in != width:
                self.add_module(f"conv{width}_down", Unit(width_in, width, halves=True))
            for number in range(1, units + 1):
                self.add_module(f"conv{width}_{number}", Unit(width, width))
        self.conv256_down_out = Unit(256, 256, halves=True)
        self.fc = nn.Linear(256, EMBEDDING, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        path = self.weights(config)
        self._pretrained = fb.load_weights(self, path) if path else []

    @classmethod
    def input_size(cls, config: Any) -> int:
        return SIDE

    @classmethod
    def weights(cls, config: Any) -> Path | None:
        return weights_file(cls.name, config)

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        x = F.max_pool2d(F.relu(self.conv32_down(self.centred(frames))), 3, 2)
        maps = []
        for width_in, width, units in STAGES:
            names = [f"conv{width}_{number}" for number in range(1, units + 1)]
            for name in [f"conv{width}_down", *names] if width_in != width else names:
                x = self.get_submodule(name)(x)
            maps.append(x)
        pooled = self.conv256_down_out(x).mean((2, 3))
        return fb.FrameFeatures(self.fc(pooled), maps[MAP_STAGE])

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [FaceNet]
