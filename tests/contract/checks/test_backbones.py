"""The kit, on backbones with one planted fault each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import fusionbench as fb

DECLARED = "declares input_size, dim and map_shape"
RETURNED = "returns an embedding and a map of the declared sizes, finite"
ALONE = "a frame alone has the features it has in a batch"
PRETRAINED = "pretrained() names its own parameters, in a copy too"
SAVED = "saving and loading keeps the features"
PARAMETERS = "gradients reach every parameter"


class Sound(fb.Backbone):
    """One convolution; its mean over the map is the embedding."""

    name = "sound"

    def __init__(self, config: fb.Config):
        super().__init__(config)
        self.dim, self.map_shape = 4, (4, 6, 6)
        self.conv = nn.Conv2d(3, 4, 4, stride=4)

    @classmethod
    def input_size(cls, config: fb.Config) -> int:
        return 24

    def forward(self, frames: Tensor) -> fb.FrameFeatures:
        maps = self.conv(frames)
        return fb.FrameFeatures(maps.mean((2, 3)), maps)

    def pretrained(self) -> list[nn.Parameter]:
        return [self.conv.weight]


class OtherMap(Sound):
    """Declares a map it does not return."""

    def __init__(self, config):
        super().__init__(config)
        self.map_shape = (4, 12, 12)


class NoSize(Sound):
    """Forgets to declare its width."""

    def __init__(self, config):
        super().__init__(config)
        del self.dim


class DividesByContrast(Sound):
    """A frame of one colour has no contrast to divide by."""

    def forward(self, frames):
        return super().forward(frames / frames.std((1, 2, 3), keepdim=True))


class BatchMean(Sound):
    """Brightness is measured over all frames together."""

    def forward(self, frames):
        return super().forward(frames - frames.mean())


class StaleList(Sound):
    """A copy of the backbone still names the parameters of the first."""

    def pretrained(self):
        weight = self.conv.weight
        if not hasattr(type(self), "kept"):
            type(self).kept = [weight]
        return type(self).kept


class PlainTensor(Sound):
    """A random filter kept as a plain attribute."""

    def __init__(self, config):
        super().__init__(config)
        self.filter = torch.rand(3, 1, 1)

    def forward(self, frames):
        return super().forward(frames * self.filter)


class Unused(Sound):
    """A layer that nothing uses."""

    def __init__(self, config):
        super().__init__(config)
        self.fc = nn.Linear(4, 4)


def broken(backbone: type[fb.Backbone]) -> dict[str, str]:
    return {f.rule: f.detail for f in fb.testing.rules(backbone) if f.state == "broken"}


def test_a_sound_backbone_breaks_nothing():
    assert broken(Sound) == {}


@pytest.mark.parametrize(
    ("backbone", "rule", "said"),
    [
        (NoSize, DECLARED, "it has no dim after __init__"),
        (
            OtherMap,
            RETURNED,
            "the map: got (3, 4, 6, 6); expected (frames, channels, rows, cols) = (3, 4, 12, 12)",
        ),
        (DividesByContrast, RETURNED, "frames that are 0.0 everywhere give NaN"),
        (BatchMean, ALONE, "frame 0 alone gives features that are"),
        (StaleList, PRETRAINED, "1 of the parameters in pretrained() of a deep copy of it are not its own"),
        (PlainTensor, SAVED, "(not in the state: filter)"),
        (Unused, PARAMETERS, "2 parameter(s) get no gradient from embedding and map: fc.weight, fc.bias"),
    ],
)
def test_a_planted_fault_is_named(backbone, rule, said):
    found = broken(backbone)
    assert list(found) == [rule] and said in found[rule]
