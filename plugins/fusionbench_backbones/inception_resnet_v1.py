"""Inception-ResNet V1, the face recognition network of facenet-pytorch.

Layout and key names: facenet-pytorch ``models/inception_resnet_v1.py``, 23,482,624
parameters without its classifier. The released files (VGGFace2, CASIA-WebFace) also
hold that classifier, ``logits``, which the embedding does not need.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

EMBEDDING = 512


class Conv(nn.Module):
    """Convolution - BN - ReLU; no padding unless asked for."""

    def __init__(
        self, width_in: int, width: int, kernel: int | tuple[int, int], stride: int = 1, same: bool = False
    ):
        super().__init__()
        rows, cols = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (rows // 2, cols // 2) if same else 0
        self.conv = nn.Conv2d(width_in, width, (rows, cols), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Residual(nn.Module):
    """Branches side by side, merged by a 1 x 1 convolution, scaled and added to the input."""

    def __init__(self, width: int, merged: int, scale: float, branches: list[nn.Module], relu: bool = True):
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.conv2d = nn.Conv2d(merged, width, 1)
        self.scale = scale
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        merged = torch.cat([branch(x) for name, branch in self.named_children() if name != "conv2d"], dim=1)
        x = x + self.scale * self.conv2d(merged)
        return F.relu(x) if self.relu else x


class Reduction(nn.Module):
    """Branches that halve the map, and a max pool beside them, on channels one after the other."""

    def __init__(self, branches: list[nn.Module]):
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*(branch(x) for branch in self.children()), F.max_pool2d(x, 3, 2)], dim=1)


def block35() -> Residual:
    return Residual(
        256,
        merged=96,
        scale=0.17,
        branches=[
            Conv(256, 32, 1),
            nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3, same=True)),
            nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3, same=True), Conv(32, 32, 3, same=True)),
        ],
    )


def block17() -> Residual:
    across, down = Conv(128, 128, (1, 7), same=True), Conv(128, 128, (7, 1), same=True)
    branches = [Conv(896, 128, 1), nn.Sequential(Conv(896, 128, 1), across, down)]
    return Residual(896, merged=256, scale=0.10, branches=branches)


def block8(scale: float = 0.20, relu: bool = True) -> Residual:
    across, down = Conv(192, 192, (1, 3), same=True), Conv(192, 192, (3, 1), same=True)
    branches = [Conv(1792, 192, 1), nn.Sequential(Conv(1792, 192, 1), across, down)]
    return Residual(1792, merged=384, scale=scale, branches=branches, relu=relu)


class InceptionResNetV1(nn.Module):
    """The network without its classifier, with the released names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Conv(3, 32, 3, stride=2)
        self.conv2d_2a = Conv(32, 32, 3)
        self.conv2d_2b = Conv(32, 64, 3, same=True)
        self.conv2d_3b = Conv(64, 80, 1)
        self.conv2d_4a = Conv(80, 192, 3)
        self.conv2d_4b = Conv(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(5)))
        self.mixed_6a = Reduction(
            [
                Conv(256, 384, 3, stride=2),
                nn.Sequential(Conv(256, 192, 1), Conv(192, 192, 3, same=True), Conv(192, 256, 3, stride=2)),
            ]
        )
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(10)))
        self.mixed_7a = Reduction(
            [
                nn.Sequential(Conv(896, 256, 1), Conv(256, 384, 3, stride=2)),
                nn.Sequential(Conv(896, 256, 1), Conv(256, 256, 3, stride=2)),
                nn.Sequential(Conv(896, 256, 1), Conv(256, 256, 3, same=True), Conv(256, 256, 3, stride=2)),
            ]
        )
        self.repeat_3 = nn.Sequential(*(block8() for _ in range(5)))
        self.block8 = block8(scale=1.0, relu=False)
        self.last_linear = nn.Linear(1792, EMBEDDING, bias=False)
        self.last_bn = nn.BatchNorm1d(EMBEDDING, eps=1e-3)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=0.01)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images ``(frames, 3, height, width)`` in [-1, 1] to unit embeddings ``(frames, 512)`` and maps."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_3b(F.max_pool2d(x, 3, 2))
        maps = {"repeat_1": self.repeat_1(self.conv2d_4b(self.conv2d_4a(x)))}
        maps["repeat_2"] = self.repeat_2(self.mixed_6a(maps["repeat_1"]))
        x = self.block8(self.repeat_3(self.mixed_7a(maps["repeat_2"])))
        return F.normalize(self.last_bn(self.last_linear(x.mean((2, 3))))), maps


def map_side(image_side: int, name: str) -> int:
    """Rows of a map: an unpadded 3 x 3 costs two."""
    side = halved(halved(image_side) - 2)  # conv2d_1a, 2a, max pool
    side = halved(side - 2)  # conv2d_4a, 4b
    return side if name == "repeat_1" else halved(side)


def halved(side: int) -> int:
    """Rows left by an unpadded 3 x 3 of stride 2."""
    return (side - 3) // 2 + 1


class InceptionResNetV1Backbone(fb.Backbone):
    """Inception-ResNet V1: unit embeddings of 512 channels; map ``repeat_2``, 896 x 8 x 8 at 160 pixels."""

    name = "inception_resnet_v1"

    class Config(fb.Config):
        weights: Path | None = Field(
            None, description="a released file of facenet-pytorch; null draws the network at random"
        )
        input_size: Literal[160, 112, 96] = Field(
            160, description="side of the face in pixels; 160 as released"
        )
        map: Literal["repeat_1", "repeat_2"] = Field(
            "repeat_2", description="whose output is the feature map (at 160: 256x17x17 or 896x8x8)"
        )
        width: int | None = Field(
            None,
            gt=0,
            description="channels of the embedding, by a new Linear; null leaves the 512 as they are",
        )

    def __init__(self, config: Config):
        super().__init__(config)
        self.trunk = InceptionResNetV1()
        self.dim = config.width or EMBEDDING
        side = map_side(config.input_size, config.map)
        self.map_shape = (256 if config.map == "repeat_1" else 896, side, side)
        self.project: nn.Module = nn.Identity()
        if config.width:
            self.project = fb.kaiming_linear(nn.Linear(EMBEDDING, config.width))
        self._pretrained: list[nn.Parameter] = []
        if config.weights:
            self._pretrained = fb.load_weights(self.trunk, config.weights, ignore=("logits.*",))

    @classmethod
    def input_size(cls, config: Config) -> int:
        return config.input_size

    @classmethod
    def weights(cls, config: Config) -> Path | None:
        return config.weights.expanduser() if config.weights else None

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        embedding, maps = self.trunk((frames * 255 - 127.5) / 128)
        return fb.FrameFeatures(self.project(embedding), maps[self.config.map])

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [InceptionResNetV1Backbone]
