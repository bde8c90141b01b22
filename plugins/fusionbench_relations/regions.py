"""What a relation graph is drawn over: regions of the feature map, and which of them are joined."""

from __future__ import annotations

import warnings
from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb


class Regions(nn.Module):
    """Takes maps ``(frames, channels, rows, cols)`` to regions ``(frames, regions, channels)``.

    Subclasses set ``graph``. Landmarks are ``(frames, 68, 2)``, x and y in [0, 1] of the
    face, in the iBUG order.

    Args:
        map_shape: (channels, rows, cols).
        patches: P, patches per side, where the regions are patches.
    """

    graph: Tensor
    """which regions are joined, in the form that ``attention`` reads"""
    attention: ClassVar[type[fb.GraphAttention]] = fb.GraphAttention
    needs_landmarks: ClassVar[bool] = False

    def __init__(self, map_shape: tuple[int, int, int], patches: int):
        super().__init__()

    def forward(self, maps: Tensor, landmarks: Tensor | None) -> Tensor:
        raise NotImplementedError

    def places(self, landmarks: Tensor | None) -> Tensor:
        """``(frames or 1, regions, 4)``: left, top, right, bottom of each region in [0, 1] of the face."""
        raise NotImplementedError


class Grid(Regions):
    """P x P patches, each joined to its neighbours and its mirror image (ARPGNet, Eq. 1)."""

    def __init__(self, map_shape: tuple[int, int, int], patches: int):
        super().__init__(map_shape, patches)
        rows, cols = map_shape[1:]
        if rows % patches or cols % patches:
            warnings.warn(
                f"a map of {rows} x {cols} cells does not divide into {patches} patches a side; "
                "neighbouring patches share cells.",
                stacklevel=2,
            )
        self.map_shape, self.patches = map_shape, patches
        self.pool = nn.AdaptiveAvgPool2d(patches)
        self.register_buffer("graph", fb.region_graph(patches), persistent=False)

    def forward(self, maps: Tensor, landmarks: Tensor | None) -> Tensor:
        return rearrange(self.pool(maps), "f c rows cols -> f (rows cols) c")

    def places(self, landmarks: Tensor | None) -> Tensor:
        top, bottom = self._edges(self.map_shape[1])
        left, right = self._edges(self.map_shape[2])
        every = [torch.stack(torch.meshgrid(y, x, indexing="ij")) for y, x in ((top, left), (bottom, right))]
        return torch.cat(every).flatten(1)[[1, 0, 3, 2]].T.unsqueeze(0)

    def _edges(self, cells: int) -> tuple[Tensor, Tensor]:
        """Where patches begin and end along one side: the cells that adaptive pooling averages."""
        patch = torch.arange(self.patches)
        return patch * cells // self.patches / cells, -(-(patch + 1) * cells // self.patches) / cells


def crop(maps: Tensor, boxes: Tensor, size: tuple[int, int], outside: str) -> Tensor:
    """Bilinear crops of feature maps.

    Args:
        maps: ``(frames, channels, rows, cols)``.
        boxes: ``(frames, boxes, 2, 3)``, each ``[sx, 0, tx; 0, sy, ty]``: half the width,
            the centre's x, half the height, the centre's y, with the map from -1 to 1.
        size: rows and cols of a crop.
        outside: what stands beyond the map: ``zeros`` or ``border``.

    Returns:
        ``(frames, boxes, channels, *size)``
    """
    frames, count = boxes.shape[:2]
    points = F.affine_grid(boxes.flatten(0, 1), [frames * count, 1, *size], align_corners=False)
    points = rearrange(points, "(f n) y x two -> f (n y) x two", f=frames)
    cropped = F.grid_sample(maps, points, padding_mode=outside, align_corners=False)
    return rearrange(cropped, "f c (n y) x -> f n c y x", n=count)


def outlines(boxes: Tensor) -> Tensor:
    """Boxes in the form ``crop`` takes, ``(..., 2, 3)``, to left, top, right, bottom in [0, 1]."""
    half, centre = boxes[..., :2].diagonal(dim1=-2, dim2=-1), boxes[..., 2]
    return ((torch.cat([centre - half, centre + half], dim=-1) + 1) / 2).clamp(0, 1)


def complete_graph(regions: int) -> Tensor:
    """Every region joined to every other and to itself."""
    return torch.ones(regions, regions, dtype=torch.bool)
