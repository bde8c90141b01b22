"""A relation encoder that reads the mesh of a face: how its parts stand, against how they mostly do.

Our design, by ARPGNet's relation encoder (Eq. 1-4): the nodes are nine parts of the face in place of
patches of a map, and no weight of it has seen a drawing or a photograph before it is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

from .face_mesh_parts import EYES, JOINED, PARTS, STEADY, Part

SLOPE = 0.01
"""of the LeakyReLU on scores and of sigma, as in ``region_gat``"""
TENTHS = 10.0
"""measures are in tenths of the eye distance: that is about how far a part of a face moves"""
LEAST = 1e-6
"""added to lengths that are divided by: padding has no face"""


def part_graph() -> Tensor:
    """``(parts, parts)`` bool: which parts read which; each reads itself."""
    names = list(PARTS)
    graph = torch.eye(len(names), dtype=torch.bool)
    for pair in JOINED.split(", "):
        one, other = (names.index(name) for name in pair.split("-"))
        graph[one, other] = graph[other, one] = True
    return graph


def steadied(now: Tensor, rest: Tensor) -> Tensor:
    """Meshes turned, moved and scaled until their steady points lie on those of the clip's median.

    In least squares and without mirroring (Umeyama 1991, IEEE TPAMI 13, 376-380). What is left of a
    movement is the face's own: a head that turns or nods changes nothing.

    Args:
        now: ``(frames, 468, 3)``.
        rest: ``(frames, 468, 3)``, the median of each frame's clip.

    Returns:
        ``(frames, 468, 3)``
    """
    here, there = now[:, list(STEADY)], rest[:, list(STEADY)]
    middle, aim = here.mean(1, keepdim=True), there.mean(1, keepdim=True)
    here, there = here - middle, there - aim
    u, stretch, vt = torch.linalg.svd(there.transpose(1, 2) @ here)
    sign = torch.ones_like(stretch)
    sign[:, 2] = torch.where(torch.linalg.det(u @ vt) < 0, -1.0, 1.0)
    turn = (u * sign.unsqueeze(1)) @ vt
    scale = (stretch * sign).sum(1) / (here.square().sum((1, 2)) + LEAST**2)
    return scale.view(-1, 1, 1) * (now - middle) @ turn.transpose(1, 2) + aim


def measures(part: Part, now: Tensor, rest: Tensor) -> Tensor:
    """How a part stands, against the clip's median.

    Args:
        part: of the face.
        now: ``(frames, 468, 3)``, steadied.
        rest: ``(frames, 468, 3)``

    Returns:
        ``(frames, 3 * points + pairs)``: the way each point went (outwards, down, away) and by how much
        each pair is further apart, in tenths of the eye distance.
    """
    right, left = (rest[:, list(corners)].mean(1) for corners in EYES)
    unit = ((left - right).norm(dim=-1, keepdim=True) + LEAST) / TENTHS
    went = now[:, list(part.points)] - rest[:, list(part.points)]
    outwards = went.new_tensor([1.0 if part.left else -1.0, 1.0, 1.0])
    one, other = (list(ends) for ends in zip(*part.pairs, strict=True))
    apart = [(mesh[:, one] - mesh[:, other]).norm(dim=-1) for mesh in (now, rest)]
    return torch.cat([(went * outwards).flatten(1), apart[0] - apart[1]], dim=1) / unit


class MeshGAT(fb.RelationEncoder):
    """Nine parts of a face, measured against the clip's median; three graph attention layers; their mean.

    It reads the 468 points that ``fusionbench prepare --aligner mesh`` stores, and no map. It has no
    weights of its own: train it with the head (``front_end.trainable=relation``, as ``--front-end real``).
    """

    name = "mesh_gat"
    needs_points = True
    reads_maps = False

    class Config(fb.Config):
        width: int = Field(96, gt=0, description="channels of each layer and of the stream")
        layers: int = Field(3, gt=0, description="graph attention layers, as ARPGNet's")
        heads: int = Field(4, gt=0, description="attention heads, averaged")
        weights: Path | None = Field(None, description="a safetensors file; null: drawn at random")

    config: Config

    def __init__(self, map_shape: tuple[int, int, int], config: Config):
        super().__init__(map_shape, config)
        self.dim = config.width
        sizes = {part.kind: 3 * len(part.points) + len(part.pairs) for part in PARTS.values()}
        self.kinds = nn.ModuleDict(
            {k: fb.kaiming_linear(nn.Linear(n, config.width)) for k, n in sizes.items()}
        )
        widths = (config.layers + 1) * [config.width]
        self.layers = nn.ModuleList(
            fb.GraphAttention(width_in, width, heads=config.heads, slope=SLOPE)
            for width_in, width in pairwise(widths)
        )
        self.sigma = nn.LeakyReLU(SLOPE)
        self.graph: Tensor
        self.register_buffer("graph", part_graph(), persistent=False)
        path = self.weights(config)
        self._pretrained = fb.load_weights(self, path) if path else []

    @classmethod
    def weights(cls, config: Config) -> Path | None:
        return config.weights.expanduser() if config.weights else None

    def parts(self, points: Tensor) -> Tensor:
        """Points ``(frames, 2, 468, 3)`` to nodes ``(frames, parts, width)``."""
        now, rest = points.unbind(1)
        now = steadied(now, rest)
        return torch.stack([self.kinds[p.kind](measures(p, now, rest)) for p in PARTS.values()], dim=1)

    def forward(  # type: ignore[override]
        self, maps: Tensor | None, landmarks: Tensor | None = None, points: Tensor | None = None
    ) -> Tensor:
        nodes = self.parts(_given(points))
        for layer in self.layers:
            nodes = self.sigma(layer(nodes, self.graph))  # Eq. 2-4
        return nodes.mean(1)

    def explain(  # type: ignore[override]
        self, maps: Tensor | None, landmarks: Tensor | None = None, points: Tensor | None = None
    ) -> Mapping[str, Any]:
        """The attention of each layer, and where the parts lie."""
        points = _given(points)
        nodes, found = self.parts(points), {}
        layer: Any
        for number, layer in enumerate(self.layers, 1):
            weights = layer.attention(nodes, self.graph)
            found[f"layer {number}"] = (("frame", "head", "target", "source"), weights.detach().cpu().numpy())
            nodes = self.sigma(layer(nodes, self.graph))
        flat = points[:, 0, :, :2]
        low, high = (
            torch.stack([getattr(flat[:, list(part.points)], edge)(1) for part in PARTS.values()], dim=1)
            for edge in ("amin", "amax")
        )
        boxes = torch.cat([low, high], dim=-1).clamp(0, 1)
        return {**found, "regions": (("frame", "region", "box"), boxes.cpu().numpy())}

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained


def _given(points: Tensor | None) -> Tensor:
    if points is None:
        raise fb.NotSupported("mesh_gat needs the points of a face's mesh; got none.")
    return points


@fb.hookimpl
def relation_encoders() -> list[type[fb.RelationEncoder]]:
    return [MeshGAT]
