"""Five CNNs side by side, for the cost of an ensemble. Which five is uncertain.

The merge script of github.com/LuyuProgram/DSN sums the scores of five files: VGG-Face,
ResNet-50, DenseNet-121, DSN-VGG-Face and one named ``fgnet``, which is not in the
repository; its README lists DSN-ResNet-50 instead, and so do we. Layouts are those of
the architectures' papers, random weights only: the released ones are Caffe files.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)


def conv_bn(width_in: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution - BN, same size but for the stride."""
    conv = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


def vgg16() -> nn.Sequential:
    """13 convolutions, 2 hidden layers of 4096 (Simonyan and Zisserman, 2015): 134,260,544 parameters."""
    layers: list[nn.Module] = []
    width_in = 3
    for width, convs in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convs):
            layers += [nn.Conv2d(width_in, width, 3, padding=1), nn.ReLU()]
            width_in = width
        layers.append(nn.MaxPool2d(2))
    hidden = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(7), nn.Flatten(), *hidden)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 and a skip."""

    def __init__(self, width_in: int, width: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(width_in, width, 1),
            nn.ReLU(),
            conv_bn(width, width, 3, stride),
            nn.ReLU(),
            conv_bn(width, 4 * width, 1),
        )
        fits = stride == 1 and width_in == 4 * width
        self.skip = nn.Identity() if fits else conv_bn(width_in, 4 * width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + self.skip(x)).relu()


def resnet50() -> nn.Sequential:
    """3, 4, 6, 3 bottlenecks (He et al., 2016): 23,508,032 parameters without its classifier."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem"] = nn.Sequential(conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    width_in = 64
    for number, (width, units) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        stage = []
        for unit in range(units):
            stage.append(Bottleneck(width_in, width, 2 if unit == 0 and number else 1))
            width_in = 4 * width
        layers[f"stage{number}"] = nn.Sequential(*stage)
    return nn.Sequential(layers)


class DenseLayer(nn.Module):
    """BN - ReLU - 1 x 1 - BN - ReLU - 3 x 3: 32 new channels behind the old ones."""

    def __init__(self, width_in: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(width_in), nn.ReLU(), nn.Conv2d(width_in, 128, 1, bias=False),
            nn.BatchNorm2d(128), nn.ReLU(), nn.Conv2d(128, 32, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], dim=1)


def densenet121() -> nn.Sequential:
    """6, 12, 24, 16 dense layers, growth 32 (Huang et al., 2017): 6,953,856 parameters."""
    layers: list[nn.Module] = [conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for number, count in enumerate((6, 12, 24, 16)):
        if number:
            layers += [
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, width // 2, 1, bias=False),
                nn.AvgPool2d(2),
            ]
            width //= 2
        for _ in range(count):
            layers.append(DenseLayer(width))
            width += 32
    return nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU())


MEMBERS = {
    "vgg_face": (vgg16, 4096),
    "resnet50": (resnet50, 2048),
    "densenet121": (densenet121, 1024),
    "dsn_vgg_face": (vgg16, 4096),
    "dsn_resnet50": (resnet50, 2048),
}
"""network -> (maker, features); the embedding holds them in this order"""


class FiveCNNs(fb.Backbone):
    """The features of five networks side by side; the map is the first ResNet-50's third stage."""

    name = "five_cnns"

    class Config(fb.Config):
        input_size: int = Field(224, ge=64, multiple_of=32, description="side of the face in pixels")

    mean: Tensor

    def __init__(self, config: Config):
        super().__init__(config)
        self.networks = nn.ModuleDict({name: make() for name, (make, _) in MEMBERS.items()})
        self.dim = sum(width for _, width in MEMBERS.values())
        self.map_shape = (1024, config.input_size // 16, config.input_size // 16)
        self.register_buffer("mean", torch.tensor(CAFFE_MEAN_BGR).view(3, 1, 1), persistent=False)

    @classmethod
    def input_size(cls, config: Config) -> int:
        return config.input_size

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        images = frames.flip(1) * 255 - self.mean  # Caffe: BGR, 0..255
        features = []
        for name, network in self.networks.items():
            output = images
            for stage, layers in network.named_children():
                output = layers(output)
                if (name, stage) == ("resnet50", "stage2"):
                    maps = output
            features.append(output if output.dim() == 2 else output.mean((2, 3)))
        return fb.FrameFeatures(torch.cat(features, dim=1), maps)


@fb.hookimpl
def backbones() -> list[type[fb.Backbone]]:
    return [FiveCNNs]
