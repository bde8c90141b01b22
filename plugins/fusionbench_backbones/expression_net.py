"""face-api's expression network: four blocks of separable convolutions, 256 channels, seven expressions.

Layout: ``@vladmandic/face-api`` 1.7.15 (MIT), ``faceFeatureExtractor/denseBlock.ts`` and
``faceExpressionNet``. Its weights are brought by ``fusionbench weights get expression_net``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb

from .face_api import Centred, ReleasedConfig, weights_file

WIDTHS = (32, 64, 128, 256)
SIDE = 112
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")


def halving(x: Tensor) -> Tensor:
    """One row and column more, below and to the right: TensorFlow's SAME for stride 2 on an even side."""
    return F.pad(x, (0, 1, 0, 1))


class Separable(nn.Module):
    """A convolution of each channel, then one of 1 x 1 over the channels, and a bias.

    Args:
        width_in: channels that come.
        width: channels that go.
        stride: 2 halves rows and columns.
    """

    def __init__(self, width_in: int, width: int, stride: int = 1):
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.stride = stride
        self.depthwise = nn.Conv2d(width_in, width_in, 3, stride, padding, groups=width_in, bias=False)
        self.pointwise = nn.Conv2d(width_in, width, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(halving(x) if self.stride == 2 else x)
        return self.pointwise(x) + self.bias.view(-1, 1, 1)


class Halving(nn.Conv2d):
    """The very first convolution: an ordinary one."""

    def __init__(self, width_in: int, width: int):
        super().__init__(width_in, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(halving(x))


class Block(nn.Module):
    """Four convolutions, the first halving; each reads the sum of those before it."""

    def __init__(self, width_in: int, width: int, first: bool = False):
        super().__init__()
        self.conv0 = Halving(width_in, width) if first else Separable(width_in, width, stride=2)
        self.conv1 = Separable(width, width)
        self.conv2 = Separable(width, width)
        self.conv3 = Separable(width, width)

    def forward(self, x: Tensor) -> Tensor:
        total = F.relu(self.conv0(x))
        for conv in (self.conv1, self.conv2, self.conv3):
            total = total + conv(F.relu(total))
        return F.relu(total)


class ExpressionNet(fb.Backbone):
    """256 channels of a face that were learnt from expressions; the last block's map is 256 x 7 x 7.

    By itself it names one of seven expressions: ``fusionbench predict expression_net VIDEO``.
    """

    name = "expression_net"
    classes = EXPRESSIONS

    class Config(ReleasedConfig):
        """Which weights."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.dim, self.map_shape = WIDTHS[-1], (WIDTHS[-1], 7, 7)
        self.centred = Centred()
        self.dense0 = Block(3, WIDTHS[0], first=True)
        self.dense1 = Block(WIDTHS[0], WIDTHS[1])
        self.dense2 = Block(WIDTHS[1], WIDTHS[2])
        self.dense3 = Block(WIDTHS[2], WIDTHS[3])
        self.fc = nn.Linear(WIDTHS[3], len(EXPRESSIONS))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        path = self.weights(config)
        self._pretrained = fb.load_weights(self, path) if path else []
        self.fc.requires_grad_(False)  # no stream is made of it
        self._pretrained = [p for p in self._pretrained if p.requires_grad]

    @classmethod
    def input_size(cls, config: Any) -> int:
        return SIDE

    @classmethod
    def weights(cls, config: Any) -> Path | None:
        return weights_file(cls.name, config)

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        maps = self.dense3(self.dense2(self.dense1(self.dense0(self.centred(frames)))))
        return fb.FrameFeatures(maps.mean((2, 3)), maps)

    def logits(self, embedding: Tensor) -> Tensor:
        return self.fc(embedding)

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [ExpressionNet]
