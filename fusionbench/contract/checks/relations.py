"""The rules for relation encoders."""

from __future__ import annotations

import warnings
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
    Skipped,
    difference,
    differs,
    expect_tensor,
    judge,
    percent,
)
from fusionbench.contract.roles import RelationEncoder, beside_maps
from fusionbench.contract.types import POINTS

FRAMES = 3
MAPS = ((64, 12, 12), (40, 12, 12), (32, 14, 14), (48, 8, 8))
"""channels, rows and columns; the first are those of backbone ``tiny``"""
LANDMARKS = 68


class RelationTrial:
    """One relation encoder with its options, on the map shapes it supports."""

    def __init__(self, cls: type[RelationEncoder], config: Any):
        self.cls, self.config = cls, config

    def build(self, map_shape: tuple[int, int, int], seed: int = SEED) -> RelationEncoder:
        """A new one; the same seed gives the same weights."""
        torch.manual_seed(seed)
        return self.cls(map_shape, self.config).eval()

    @cached_property
    def answers(self) -> dict[tuple[int, int, int], str | None]:
        """Map shape -> why it does not fit: what ``supports`` says, or what building it warns of."""
        return {shape: self._objection(shape) for shape in MAPS}

    def _objection(self, shape: tuple[int, int, int]) -> str | None:
        refused = self.cls.supports(shape, self.config, landmarks=True)
        if refused is not None:
            return refused
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            self.build(shape)
        return str(said[0].message) if said else None

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """The map shapes that fit."""
        return [shape for shape, objection in self.answers.items() if objection is None]

    @cached_property
    def made(self) -> RelationEncoder:
        """For the first shape that fits, in eval mode."""
        return self.build(self.shapes[0])

    @cached_property
    def landmarks(self) -> Tensor:
        """``(frames, 68, 2)`` somewhere on the face."""
        return 0.2 + 0.6 * torch.rand(FRAMES, LANDMARKS, 2, generator=torch.Generator().manual_seed(SEED))

    @cached_property
    def points(self) -> Tensor:
        """``(frames, 2, 468, 3)`` somewhere on the face."""
        return 0.2 + 0.6 * torch.rand(FRAMES, *POINTS, generator=torch.Generator().manual_seed(SEED + 1))

    def given(self, frames: slice = slice(None)) -> tuple[Tensor | None, ...]:
        """What comes beside the maps of these frames."""
        return beside_maps(self.made, self.landmarks[frames], self.points[frames])

    def maps(self, shape: tuple[int, int, int] | None = None) -> Tensor:
        """``(frames, channels, rows, cols)`` noise."""
        drawn = torch.Generator().manual_seed(SEED)
        return torch.randn(FRAMES, *(shape or self.shapes[0]), generator=drawn)


def relation_findings(cls: type[RelationEncoder], config: Any) -> list[Finding]:
    """What became of every rule for a relation encoder."""
    return judge(RULES, RelationTrial(cls, config))


@torch.inference_mode()
def encode(encoder: RelationEncoder, maps: Tensor, *given: Tensor | None) -> Tensor:
    """Relation vectors in eval mode."""
    return encoder.eval()(maps, *given)


def builds(trial: RelationTrial) -> str:
    if not trial.shapes:
        shape, reason = next(iter(trial.answers.items()))
        raise Broken(f"supports() refuses every map the kit has, {shape} because: {reason}")
    if not isinstance(getattr(trial.made, "dim", None), int):
        raise Broken("it has no dim after __init__; expected the channels of the relation stream")
    return "maps " + ", ".join(" x ".join(map(str, shape)) for shape in trial.shapes)


def returns_vectors(trial: RelationTrial) -> None:
    for shape in trial.shapes:
        encoder = trial.build(shape)
        for maps in (trial.maps(shape), torch.zeros(FRAMES, *shape)):
            expect_tensor(
                encode(encoder, maps, *trial.given()),
                (FRAMES, encoder.dim),
                f"relation of maps {shape}",
                "(frames, dim)",
            )


def knows_landmarks(trial: RelationTrial) -> str:
    if trial.made.needs_points:
        here, mirrored = (
            encode(trial.made, trial.maps(), trial.landmarks, x) for x in (trial.points, 1 - trial.points)
        )
        if not differs(here, mirrored):
            raise Broken("needs_points is True, yet other points leave the relation as it is")
        return "it needs the points of the mesh"
    if not trial.made.needs_landmarks:
        expected = (FRAMES, trial.made.dim)
        found = encode(trial.made, trial.maps(), None)
        expect_tensor(found, expected, "relation without landmarks", "(frames, dim)")
        return "it needs none, and takes them where data hold them"
    if trial.cls.supports(trial.shapes[0], trial.config, landmarks=False) is None:
        raise Broken("needs_landmarks is True, yet supports(..., landmarks=False) returned None")
    here, mirrored = (encode(trial.made, trial.maps(), x) for x in (trial.landmarks, 1 - trial.landmarks))
    if not differs(here, mirrored):
        raise Broken("needs_landmarks is True, yet other landmarks leave the relation as it is")
    return "it needs them"


def judges_each_frame_alone(trial: RelationTrial) -> None:
    maps = trial.maps()
    together = encode(trial.made, maps, *trial.given())
    for k in range(FRAMES):
        alone = encode(trial.made, maps[k : k + 1], *trial.given(slice(k, k + 1)))[0]
        if differs(alone, together[k]):
            raise Broken(
                f"frame {k} alone has a relation that is {percent(difference(alone, together[k]))} off "
                f"the one it has among {FRAMES} frames; expected the same"
            )


def is_deterministic(trial: RelationTrial) -> None:
    networks.gives_the_same_twice(lambda: encode(trial.made, trial.maps(), *trial.given()))


def reaches_everything(trial: RelationTrial) -> None:
    encoder, maps = trial.build(trial.shapes[0]).train(), trial.maps().requires_grad_()
    encoder(maps, *trial.given()).square().sum().backward()
    networks.refuse_unreached(networks.without_gradient(encoder), "")
    if encoder.reads_maps and (maps.grad is None or not maps.grad.any()):
        raise Broken("no gradient reaches the maps; a trunk could not be trained through it")


def owns_pretrained(trial: RelationTrial) -> str:
    if not list(trial.made.parameters()):
        raise Skipped("it has no parameters")
    networks.pretrained_are_own(trial.made)
    return f"{len(trial.made.pretrained())} of {len(list(trial.made.parameters()))} parameters"


def survives_saving(trial: RelationTrial) -> None:
    networks.keeps_outputs_when_saved(
        trial.made,
        lambda: trial.build(trial.shapes[0], SEED + 1),
        lambda encoder: encode(encoder, trial.maps(), *trial.given()),
    )


RULES: list[Rule[RelationTrial]] = [
    Rule(
        "builds for usual maps, or supports() says why not",
        builds,
        "take sizes from map_shape, set dim in __init__, return a reason from supports() where it cannot",
        essential=True,
    ),
    Rule(
        "returns finite vectors (frames, dim), of empty maps too",
        returns_vectors,
        "pool over rows and columns; add a small number wherever something is divided by a norm",
        essential=True,
    ),
    Rule(
        "says whether it needs landmarks or points, and takes them",
        knows_landmarks,
        "set needs_landmarks or needs_points; let supports() refuse data without landmarks; accept "
        "forward(maps, landmarks), with needs_points forward(maps, landmarks, points)",
    ),
    Rule(
        "a frame alone has the relation it has in a batch",
        judges_each_frame_alone,
        "mix nothing across the first axis: no statistics over the batch in eval mode",
    ),
    Rule(
        "eval mode is deterministic",
        is_deterministic,
        "use nn.Dropout, or pass self.training to F.dropout; draw and update nothing in eval mode",
    ),
    Rule(
        "gradients reach the maps and every parameter",
        reaches_everything,
        "remove what the relation does not use; detach nothing on the way",
    ),
    Rule(
        "pretrained() names its own parameters, in a copy too",
        owns_pretrained,
        "keep the parameters themselves in the list, as attributes of the module",
    ),
    Rule(
        "saving and loading keeps the relation",
        survives_saving,
        "register what is drawn or learnt with nn.Parameter or register_buffer",
    ),
]
