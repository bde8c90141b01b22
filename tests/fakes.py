"""A small dataset with three folds and heads that misbehave, registered as a plugin would be."""

from __future__ import annotations

import types
from collections.abc import Sequence

import numpy as np
import torch

import fusionbench as fb
from fusionbench.catalog.plugins import Catalog, Plugin, collect


class Squares(fb.Dataset):
    """Clips of noise with a bright square, left or right: 3 subjects, each one once the report split."""

    name = "squares"
    classes = ("left", "right")
    protocol = fb.Protocol(frames=4, selection_fraction=0.5)

    class Config(fb.Config):
        """Options."""

        clips: int = 8
        bad: tuple[str, ...] = ()

    def scan(self) -> fb.Inventory:
        clips = [
            fb.Clip(f"s{s}/{k}", self.classes[k % 2], "", f"s{s}")
            for s in range(3)
            for k in range(self.config.clips)
        ]
        return fb.Inventory(tuple(clips))

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        if clip.id in self.config.bad:
            raise fb.BadClip("its second frame is truncated")
        rng = np.random.default_rng(sum(clip.id.encode()))
        frames = rng.integers(0, 60, (6, 3, 24, 24), dtype=np.uint8)
        half = slice(0, 12) if clip.label == "left" else slice(12, 24)
        frames[:, :, 6:18, half] += 150
        return fb.ClipFrames(frames)

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        names = sorted({clip.subject or "" for clip in clips})
        return [
            fb.Fold(
                name,
                tuple(c.id for c in clips if c.subject != name),
                tuple(c.id for c in clips if c.subject == name),
            )
            for name in names
        ]


class PerFrame(fb.FusionHead):
    """Forgets to pool over time."""

    name = "per_frame"

    def __init__(self, spec: fb.StreamSpec, config: fb.Config):
        super().__init__()
        self.classify = torch.nn.Linear(next(iter(spec.dims.values())), spec.classes)

    def forward(self, streams: fb.Streams) -> torch.Tensor:
        return self.classify(next(iter(streams.values())))


class Raises(PerFrame):
    """Raises on every batch."""

    name = "raises"

    def forward(self, streams: fb.Streams) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


class Unweighed(PerFrame):
    """Solved for, before classes could weigh: its first guess is all it finds."""

    name = "unweighed"
    solved = True

    def forward(self, streams: fb.Streams) -> torch.Tensor:
        return fb.masked_mean(super().forward(streams), streams.mask)

    def solve(self, train) -> None:
        """Nothing is found."""


def catalog() -> Catalog:
    """The installed components and the fakes."""
    whole = Catalog()
    for plugin in collect().plugins:
        for kind, names in plugin.offers.items():
            for name in names:
                whole.components[kind][name] = collect().components[kind][name]
    module = types.ModuleType("fakes")
    module.datasets = fb.hookimpl(lambda: [Squares])  # type: ignore[attr-defined]
    module.fusion_heads = fb.hookimpl(lambda: [PerFrame, Raises, Unweighed])  # type: ignore[attr-defined]
    whole.add(Plugin("fakes", "fakes", "fakes", "1.0"), module)
    return whole
