"""The rules for backbones."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from fusionbench.contract.checks import networks
from fusionbench.contract.checks.findings import (
    SEED,
    Broken,
    Finding,
    Rule,
    difference,
    differs,
    expect_tensor,
    judge,
    percent,
)
from fusionbench.contract.roles import Backbone
from fusionbench.contract.types import FrameFeatures

FRAMES = 3


class BackboneTrial:
    """One backbone with its options, built once."""

    def __init__(self, cls: type[Backbone], config: Any):
        self.cls, self.config = cls, config

    def build(self, seed: int = SEED) -> Backbone:
        """A new one; the same seed gives the same weights."""
        torch.manual_seed(seed)
        return self.cls(self.config).eval()

    @cached_property
    def made(self) -> Backbone:
        """In eval mode."""
        return self.build()

    @property
    def side(self) -> int:
        """Side of its frames, in pixels."""
        return self.cls.input_size(self.config)

    @cached_property
    def frames(self) -> Tensor:
        """``(frames, 3, side, side)`` noise in [0, 1]."""
        return torch.rand(FRAMES, 3, self.side, self.side, generator=torch.Generator().manual_seed(SEED))


def backbone_findings(cls: type[Backbone], config: Any) -> list[Finding]:
    """What became of every rule for a backbone."""
    return judge(RULES, BackboneTrial(cls, config))


@torch.inference_mode()
def features(backbone: Backbone, frames: Tensor) -> FrameFeatures:
    """Embedding and map in eval mode."""
    return backbone.eval()(frames)


def flat(found: FrameFeatures) -> Tensor:
    """Embedding and map of each frame in one row."""
    return torch.cat([found.embedding.flatten(1), found.map.flatten(1)], dim=1)


def declares_sizes(trial: BackboneTrial) -> str:
    made, side = trial.made, trial.side
    if not isinstance(side, int) or side < 1:
        raise Broken(f"input_size() returned {side!r}; expected a number of pixels")
    for name in ("dim", "map_shape"):
        if not hasattr(made, name):
            raise Broken(f"it has no {name} after __init__")
    if len(made.map_shape) != 3 or not all(isinstance(size, int) for size in (made.dim, *made.map_shape)):
        raise Broken(
            f"dim is {made.dim!r} and map_shape {made.map_shape!r}; "
            "expected a number and (channels, rows, cols)"
        )
    rows = " x ".join(map(str, made.map_shape))
    return f"frames of {side} pixels, embedding {made.dim}, map {rows}"


def returns_declared_sizes(trial: BackboneTrial) -> None:
    made = trial.made
    found = features(made, trial.frames)
    if not isinstance(found, FrameFeatures):
        raise Broken(f"got {type(found).__name__}; expected fusionbench.FrameFeatures(embedding, map)")
    expect_tensor(found.embedding, (FRAMES, made.dim), "the embedding", "(frames, dim)")
    expect_tensor(found.map, (FRAMES, *made.map_shape), "the map", "(frames, channels, rows, cols)")
    for brightness in (0.0, 1.0):
        evenly = flat(features(made, torch.full_like(trial.frames, brightness)))
        if not torch.isfinite(evenly).all():
            raise Broken(f"frames that are {brightness} everywhere give NaN or infinite values")


def judges_each_frame_alone(trial: BackboneTrial) -> None:
    together = flat(features(trial.made, trial.frames))
    for frame in range(FRAMES):
        alone = flat(features(trial.made, trial.frames[frame : frame + 1]))[0]
        if differs(alone, together[frame]):
            raise Broken(
                f"frame {frame} alone gives features that are "
                f"{percent(difference(alone, together[frame]))} off those it has among {FRAMES} frames; "
                "expected the same"
            )


def is_deterministic(trial: BackboneTrial) -> None:
    networks.gives_the_same_twice(lambda: flat(features(trial.made, trial.frames)))


def reaches_parameters(trial: BackboneTrial) -> None:
    made = trial.made.train()
    found = made(trial.frames)
    (found.embedding.square().sum() + found.map.square().sum()).backward()
    networks.refuse_unreached(networks.without_gradient(made), " from embedding and map")


def owns_pretrained(trial: BackboneTrial) -> str:
    networks.pretrained_are_own(trial.made)
    return f"{len(trial.made.pretrained())} of {len(list(trial.made.parameters()))} parameters"


def survives_saving(trial: BackboneTrial) -> None:
    networks.keeps_outputs_when_saved(
        trial.made, lambda: trial.build(SEED + 1), lambda made: flat(features(made, trial.frames))
    )


RULES: list[Rule[BackboneTrial]] = [
    Rule(
        "declares input_size, dim and map_shape",
        declares_sizes,
        "set dim and map_shape = (channels, rows, cols) in __init__; return the side from input_size()",
        essential=True,
    ),
    Rule(
        "returns an embedding and a map of the declared sizes, finite",
        returns_declared_sizes,
        "return fb.FrameFeatures(embedding, map); let standardising bear a frame without contrast",
        essential=True,
    ),
    Rule(
        "a frame alone has the features it has in a batch",
        judges_each_frame_alone,
        "mix nothing across the first axis: no statistics over the batch in eval mode",
    ),
    Rule(
        "eval mode is deterministic",
        is_deterministic,
        "use nn.Dropout, or pass self.training to F.dropout; draw and update nothing in eval mode",
    ),
    Rule(
        "pretrained() names its own parameters, in a copy too",
        owns_pretrained,
        "keep the parameters themselves in the list, as attributes of the module",
    ),
    Rule(
        "saving and loading keeps the features",
        survives_saving,
        "register what is drawn or learnt with nn.Parameter or register_buffer",
    ),
    Rule(
        "gradients reach every parameter",
        reaches_parameters,
        "remove what neither embedding nor map uses, or freeze it with requires_grad_(False)",
    ),
]
