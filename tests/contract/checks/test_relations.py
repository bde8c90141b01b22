"""The kit, on relation encoders with one planted fault each."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

import fusionbench as fb

BUILDS = "builds for usual maps, or supports() says why not"
RETURNED = "returns finite vectors (frames, dim), of empty maps too"
LANDMARKS = "says whether it needs landmarks or points, and takes them"
ALONE = "a frame alone has the relation it has in a batch"
REACHED = "gradients reach the maps and every parameter"


class Sound(fb.RelationEncoder):
    """The mean of the map, through one layer."""

    name = "sound"

    def __init__(self, map_shape: tuple[int, int, int], config: fb.Config):
        super().__init__(map_shape, config)
        self.dim = 5
        self.layer = nn.Linear(map_shape[0], self.dim)

    def forward(self, maps: Tensor, landmarks: Tensor | None = None) -> Tensor:
        return self.layer(maps.mean((2, 3)))


class PerCell(Sound):
    """Forgets to pool."""

    def forward(self, maps, landmarks=None):
        return self.layer(maps.flatten(2).transpose(1, 2))


class UnitLength(Sound):
    """An empty map has no length to divide by."""

    def forward(self, maps, landmarks=None):
        return self.layer(maps.mean((2, 3)) / maps.flatten(1).norm(dim=1, keepdim=True))


class MapsOnly(Sound):
    """Falls over landmarks that the data happen to hold."""

    def forward(self, maps, landmarks=None):
        return super().forward(maps if landmarks is None else maps + landmarks)


class LandmarksUnread(Sound):
    """Asks for landmarks and never looks at them."""

    needs_landmarks = True

    @classmethod
    def supports(cls, map_shape, config, landmarks):
        return None if landmarks else "it needs landmarks"


class LandmarksUnsaid(LandmarksUnread):
    """Needs landmarks, and supports data without."""

    @classmethod
    def supports(cls, map_shape, config, landmarks):
        return None


class OverFrames(Sound):
    """Compares each frame with the mean of all."""

    def forward(self, maps, landmarks=None):
        return super().forward(maps - maps.mean(0))


class Detached(Sound):
    """The trunk below could never learn."""

    def forward(self, maps, landmarks=None):
        return super().forward(maps.detach())


def broken(encoder: type[fb.RelationEncoder]) -> dict[str, str]:
    return {f.rule: f.detail for f in fb.testing.rules(encoder) if f.state == "broken"}


def test_a_sound_encoder_breaks_nothing():
    assert broken(Sound) == {}


@pytest.mark.parametrize(
    ("encoder", "rule", "said"),
    [
        (PerCell, RETURNED, "got (3, 144, 5); expected (frames, dim) = (3, 5)"),
        (UnitLength, RETURNED, "holds NaN or infinite values"),
        (MapsOnly, RETURNED, "raised RuntimeError"),
        (LandmarksUnread, LANDMARKS, "other landmarks leave the relation as it is"),
        (LandmarksUnsaid, LANDMARKS, "supports(..., landmarks=False) returned None"),
        (OverFrames, ALONE, "frame 0 alone has a relation that is"),
        (Detached, REACHED, "no gradient reaches the maps"),
    ],
)
def test_a_planted_fault_is_named(encoder, rule, said):
    found = broken(encoder)
    assert list(found) == [rule] and said in found[rule]


def test_maps_that_an_encoder_warns_of_are_left_out():
    class Even(Sound):
        def __init__(self, map_shape, config):
            super().__init__(map_shape, config)
            if map_shape[1] % 4:
                warnings.warn("14 rows do not divide by 4", stacklevel=2)

    first = fb.testing.rules(Even)[0]
    assert first.state == "passed" and first.detail == "maps 64 x 12 x 12, 40 x 12 x 12, 48 x 8 x 8"


def test_an_encoder_must_fit_something():
    class Huge(Sound):
        @classmethod
        def supports(cls, map_shape, config, landmarks):
            return "it needs 2048 channels"

    assert "(64, 12, 12) because: it needs 2048 channels" in broken(Huge)[BUILDS]


def test_state_drawn_anew_is_caught():
    class Drawn(Sound):
        def forward(self, maps, landmarks=None):
            return super().forward(maps) + torch.rand(1)

    assert "eval mode is deterministic" in broken(Drawn)
