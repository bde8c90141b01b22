"""IR-50, the face recognition trunk of insightface: the paper's backbone.

Layout and key names: insightface ``recognition/arcface_torch/backbones/iresnet.py``,
``iresnet50``: 43,590,848 parameters at 112 x 112. The released weights are for
non-commercial research only and are not shipped here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

EMBEDDING = 512
RELEASED_SIDE = 7
"""side of the last map at 112 x 112, which the released embedding layer is made for"""


class Unit(nn.Module):
    """BN - conv - BN - PReLU - conv - BN, added to the skip; nothing follows the sum."""

    def __init__(self, width_in: int, width: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(width_in)
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(y)) + self.downsample(x)


def stage(width_in: int, width: int, units: int) -> nn.Sequential:
    """Units of one width; the first halves the map."""
    return nn.Sequential(Unit(width_in, width, 2), *(Unit(width, width, 1) for _ in range(units - 1)))


class IResNet50(nn.Module):
    """The network, with the released names.

    Args:
        side: rows of the last map, a sixteenth of the image's: 7 at 112 pixels, 6 at 96.
    """

    def __init__(self, side: int = RELEASED_SIDE):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        self.layer1 = stage(64, 64, units=3)
        self.layer2 = stage(64, 128, units=4)
        self.layer3 = stage(128, 256, units=14)
        self.layer4 = stage(256, 512, units=3)
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * side * side, EMBEDDING)
        self.features = nn.BatchNorm1d(EMBEDDING)
        self.features.weight.requires_grad = False  # as released: held at one
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=0.01)
            elif isinstance(module, Unit):
                # else 24 sums of an untrained network leave the range of a float16 map
                nn.init.constant_(module.bn3.weight, 0.2)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> fb.FrameFeatures:
        """Images ``(frames, 3, side * 16, side * 16)`` in [-1, 1] to embedding and third-block map."""
        x = self.prelu(self.bn1(self.conv1(x)))
        block3 = self.layer3(self.layer2(self.layer1(x)))
        x = self.bn2(self.layer4(block3))
        return fb.FrameFeatures(self.features(self.fc(x.flatten(1))), block3)


class IResNet50Backbone(fb.Backbone):
    """IR-50: 512 channels of embedding, third-block map 256 x 12 x 12 at 96 pixels.

    At 96 pixels, as in the paper, the last map is 6 x 6 and the released
    embedding layer (25088 to 512, made for 7 x 7) does not fit: option ``fc``.
    """

    name = "iresnet50"

    class Config(fb.Config):
        weights: Path | None = Field(
            None, description="insightface's backbone.pth or model.pt for r50; null draws them at random"
        )
        input_size: Literal[96, 112] = Field(96, description="side of the face in pixels; 96 in the paper")
        fc: Literal["reinit", "resize112", "interpolate"] = Field(
            "reinit",
            description="the embedding layer at 96 pixels: drawn anew (to be trained); the released one on "
            "frames enlarged to 112 (map 14 x 14); or the released one interpolated from 7 x 7 to 6 x 6. "
            "At 112 pixels the released one is used as it is",
        )

    config: Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.image_side = 112 if config.fc == "resize112" else config.input_size
        self.trunk = IResNet50(self.image_side // 16)
        self.dim = EMBEDDING
        self.map_shape = (256, self.image_side // 8, self.image_side // 8)
        self._pretrained: list[nn.Parameter] = []
        if config.weights:
            fits = self.image_side // 16 == RELEASED_SIDE or config.fc == "interpolate"
            self._pretrained = fb.load_weights(
                self.trunk,
                config.weights,
                # the statistics of ``features`` describe the outputs of the released fc
                ignore=() if fits else ("fc.*", "features.*"),
                adapt=self._adapt,
            )

    @classmethod
    def input_size(cls, config: Config) -> int:
        return config.input_size

    @classmethod
    def weights(cls, config: Config) -> Path | None:
        return config.weights.expanduser() if config.weights else None

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        if frames.shape[-1] != self.image_side:
            frames = F.interpolate(frames, self.image_side, mode="bilinear", align_corners=False)
        return self.trunk((frames - 0.5) / 0.5)

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained

    def _adapt(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        if any(key.startswith(("input_layer.", "body.", "output_layer.")) for key in found):
            raise fb.UserError(
                f"weights {self.config.weights}: the IR-50 of face.evoLVe or TreB1eN/InsightFace_Pytorch "
                "(keys input_layer.*, body.*, output_layer.*), another network: its units have no "
                "normalisation before the PReLU. Give the iresnet50 of insightface (keys conv1.*, layer1.*)."
            )
        side = self.image_side // 16
        if self.config.fc == "interpolate" and side != RELEASED_SIDE and "fc.weight" in found:
            found["fc.weight"] = interpolate_fc(found["fc.weight"], side)
        return found


def interpolate_fc(weight: Tensor, side: int) -> Tensor:
    """The released embedding layer for a map of another side.

    Args:
        weight: ``(512, 512 * 7 * 7)``.
        side: rows of the map it shall read.

    Returns:
        ``(512, 512 * side * side)``, scaled by the lost positions, so that the sum over
        the map keeps its size.
    """
    kernels = weight.unflatten(1, (-1, RELEASED_SIDE, RELEASED_SIDE))
    smaller = F.interpolate(kernels, side, mode="bilinear", align_corners=False)
    return (smaller * (RELEASED_SIDE / side) ** 2).flatten(1)


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [IResNet50Backbone]
