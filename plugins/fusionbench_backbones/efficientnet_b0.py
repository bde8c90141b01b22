"""EfficientNet-b0, the network of HSEmotion, in two arithmetics that share their weights' names.

Layout and key names: timm ``tf_efficientnet_b0_ns`` and ``efficientnet_b0``, 358 entries and
4,007,548 parameters without the classifier. TensorFlow's network pads unevenly where it
strides and divides by sqrt(var + 1e-3); timm's own pads evenly and takes 1e-5. The files
fit both, and each gives wrong features in the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

FEATURES = 1280
STAGES = (  # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
MAPS = {"blocks.2": (40, 8), "blocks.4": (112, 16), "blocks.6": (320, 32)}
"""stage -> (channels, pixels of the image a cell)"""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Conv(nn.Conv2d):
    """Convolution without bias that keeps ``ceil(side / stride)`` cells.

    ``tensorflow`` pads just what the stride needs, the odd pixel right and below;
    otherwise half the kernel on every side.
    """

    def __init__(
        self, width_in: int, width: int, kernel: int, stride: int = 1, groups: int = 1, *, tensorflow: bool
    ):
        self.uneven = tensorflow and stride > 1
        padding = 0 if self.uneven else kernel // 2
        super().__init__(width_in, width, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.uneven:
            rows, cols = (self._missing(side) for side in x.shape[-2:])
            x = F.pad(x, (cols // 2, cols - cols // 2, rows // 2, rows - rows // 2))
        return super().forward(x)

    def _missing(self, side: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-side // stride) - 1) * stride + kernel - side, 0)


class SqueezeExcite(nn.Module):
    """Weigh each channel by what the whole map holds."""

    def __init__(self, width: int, reduced: int):
        super().__init__()
        self.conv_reduce = nn.Conv2d(width, reduced, 1)
        self.conv_expand = nn.Conv2d(reduced, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = F.silu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * self.conv_expand(squeezed).sigmoid()


class SeparableBlock(nn.Module):
    """The first block: depthwise convolution, channel weights, 1 x 1 convolution."""

    def __init__(self, width_in: int, width: int, kernel: int, tensorflow: bool):
        super().__init__()
        self.conv_dw = Conv(width_in, width_in, kernel, groups=width_in, tensorflow=tensorflow)
        self.bn1 = nn.BatchNorm2d(width_in)
        self.se = SqueezeExcite(width_in, width_in // 4)
        self.conv_pw = Conv(width_in, width, 1, tensorflow=tensorflow)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv_pw(self.se(F.silu(self.bn1(self.conv_dw(x))))))


class InvertedResidual(nn.Module):
    """Widen, convolve depthwise, weigh channels, narrow; a skip where the sizes allow it."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int, expansion: int, tensorflow: bool):
        super().__init__()
        wide = width_in * expansion
        self.conv_pw = Conv(width_in, wide, 1, tensorflow=tensorflow)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv_dw = Conv(wide, wide, kernel, stride, groups=wide, tensorflow=tensorflow)
        self.bn2 = nn.BatchNorm2d(wide)
        self.se = SqueezeExcite(wide, width_in // 4)
        self.conv_pwl = Conv(wide, width, 1, tensorflow=tensorflow)
        self.bn3 = nn.BatchNorm2d(width)
        self.skip = stride == 1 and width_in == width

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.bn1(self.conv_pw(x)))
        y = self.se(F.silu(self.bn2(self.conv_dw(y))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.skip else y


class EfficientNetB0(nn.Module):
    """The network without its classifier, with the released names."""

    def __init__(self, tensorflow: bool):
        super().__init__()
        self.conv_stem = Conv(3, 32, 3, stride=2, tensorflow=tensorflow)
        self.bn1 = nn.BatchNorm2d(32)
        stages, width_in = [], 32
        for kernel, stride, expansion, width, blocks in STAGES:
            stage: list[nn.Module] = []
            for block in range(blocks):
                if expansion == 1:
                    stage.append(SeparableBlock(width_in, width, kernel, tensorflow))
                else:
                    step = stride if block == 0 else 1
                    stage.append(InvertedResidual(width_in, width, kernel, step, expansion, tensorflow))
                width_in = width
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = Conv(width_in, FEATURES, 1, tensorflow=tensorflow)
        self.bn2 = nn.BatchNorm2d(FEATURES)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3 if tensorflow else 1e-5
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Normalised images ``(frames, 3, height, width)`` to features ``(frames, 1280)`` and maps."""
        x = F.silu(self.bn1(self.conv_stem(x)))
        maps = {}
        for number, stage in enumerate(self.blocks):
            x = maps[f"blocks.{number}"] = stage(x)
        return F.silu(self.bn2(self.conv_head(x))).mean((2, 3)), maps


class EfficientNetB0Backbone(fb.Backbone):
    """EfficientNet-b0: 1280 features, projected to ``width``; map ``blocks.4``, 112 x 14 x 14 at 224.

    ``variant`` says whose arithmetic the weights were trained in. HSEmotion's were
    trained in ``tf``: the plain variant refuses files that show it. What a file does not
    show is the user's word: a 1000-class file of either variant looks the same inside.
    """

    name = "efficientnet_b0"

    class Config(fb.Config):
        weights: Path | None = Field(
            None, description="a state dict of HSEmotion or timm; null draws the network at random"
        )
        variant: Literal["tf", "plain"] = Field(
            "tf",
            description="arithmetic the weights were trained in: HSEmotion and timm's tf_efficientnet_b0* "
            "(tf), or timm's efficientnet_b0 (plain)",
        )
        input_size: Literal[224, 112, 96] = Field(
            224, description="side of the face in pixels; 224 as released"
        )
        map: Literal["blocks.2", "blocks.4", "blocks.6"] = Field(
            "blocks.4", description="whose output is the feature map (at 224: 40x28x28, 112x14x14, 320x7x7)"
        )
        width: int | None = Field(
            512,
            gt=0,
            description="channels of the embedding, by a new Linear; null leaves the 1280 as they are",
        )

    mean: Tensor
    std: Tensor

    def __init__(self, config: Config):
        super().__init__(config)
        self.trunk = EfficientNetB0(tensorflow=config.variant == "tf")
        channels, cell = MAPS[config.map]
        side = -(-config.input_size // cell)  # rounded up
        self.map_shape = (channels, side, side)
        self.dim = config.width or FEATURES
        self.project: nn.Module = nn.Identity()
        if config.width:
            self.project = fb.kaiming_linear(nn.Linear(FEATURES, config.width))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self._pretrained: list[nn.Parameter] = []
        if config.weights:
            ignore = ("classifier.*",)
            self._pretrained = fb.load_weights(
                self.trunk, config.weights, ignore=ignore, adapt=self._refuse_other_variant
            )

    @classmethod
    def input_size(cls, config: Config) -> int:
        return config.input_size

    @classmethod
    def weights(cls, config: Config) -> Path | None:
        return config.weights.expanduser() if config.weights else None

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        features, maps = self.trunk((frames - self.mean) / self.std)
        return fb.FrameFeatures(self.project(features), maps[self.config.map])

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained

    def _refuse_other_variant(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        path = self.config.weights
        classes = len(found["classifier.weight"]) if "classifier.weight" in found else 0
        imagenet = classes == 1000
        named = path.name.lower()
        if self.config.variant == "plain" and (not imagenet or named.startswith("tf_")):
            sign = "its name" if imagenet else "it has no 1000-class ImageNet classifier"
            raise fb.UserError(
                f"weights {path} look like HSEmotion's or timm's tf_efficientnet_b0 ({sign}), which are "
                "wrong in the plain variant although every key fits. Set backbone.variant=tf; if they are "
                "timm's efficientnet_b0 all the same, give the file as timm released it."
            )
        if self.config.variant == "tf" and imagenet and named.startswith("efficientnet_b0"):
            raise fb.UserError(
                f"weights {path} look like timm's plain efficientnet_b0 (name and 1000 classes), which are "
                "wrong in the tf variant although every key fits. Set backbone.variant=plain."
            )
        return found


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [EfficientNetB0Backbone]
