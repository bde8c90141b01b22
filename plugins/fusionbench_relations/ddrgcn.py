"""DDRGCN's graph: 20 points where action units act, edges learnt (Table 6, row 2). An approximation.

Only the abstract could be read: 20 regions guided by action units, a trainable weighted
adjacency. Where the regions lie is our reading of the units' muscles on the 68 iBUG
landmarks; the adjacency becomes a learnt number an edge, added to the attention scores.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fusionbench as fb

from .regions import Regions

LEFT_EYE, RIGHT_EYE = range(36, 42), range(42, 48)
"""as they stand in the image"""
POINTS: tuple[tuple[tuple[int, ...], float], ...] = (
    ((21,), -0.15),  # AU1, inner brow raiser: landmark, moved down by eye distances
    ((22,), -0.15),
    ((18,), -0.15),  # AU2, outer brow raiser
    ((25,), -0.15),
    ((19,), 0.0),  # AU4, brow lowerer
    ((24,), 0.0),
    ((40, 41), 0.2),  # AU6, cheek raiser: below the middle of the lower lid
    ((46, 47), 0.2),
    (tuple(LEFT_EYE), 0.0),  # AU5, AU7, lids
    (tuple(RIGHT_EYE), 0.0),
    ((27, 28), 0.0),  # AU9, nose wrinkler
    ((31,), 0.0),  # AU10, upper lip raiser
    ((35,), 0.0),
    ((48,), 0.0),  # AU12, AU15, lip corners
    ((54,), 0.0),
    ((51,), 0.0),  # AU10 on the upper lip
    ((57,), 0.0),  # AU25, AU26, lips apart
    ((8,), -0.25),  # AU17, chin raiser
    ((48, 4), 0.0),  # AU14, dimpler: between lip corner and jaw
    ((54, 12), 0.0),
)


SHOWN = 0.03
"""half a side of the box that stands for a point where it is drawn, of the face's width"""


class WeightedGraphAttention(fb.GraphAttention):
    """Graph attention over all pairs, a learnt number an edge added to e_ij before the softmax."""

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:  # type: ignore[override]
        """``graph`` is ``(regions, regions)``: what is added where row i reads column j."""
        z = self._projected(x)
        y = torch.einsum("b i j h, b j h d -> b i d", self._read(z, graph) / self.heads, z)  # Eq. 4
        return y if self.bias is None else y + self.bias

    def attention(self, x: Tensor, graph: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """The attention weights: ``(batch, heads, targets, sources)``, rows sum to one."""
        return self._read(self._projected(x), graph).movedim(-1, 1)

    def _projected(self, x: Tensor) -> Tensor:
        return self.lin(x).unflatten(-1, (self.heads, -1))

    def _read(self, z: Tensor, graph: Tensor) -> Tensor:
        """``(batch, targets, sources, heads)``"""
        target, source = ((z * att).sum(-1) for att in (self.att_dst, self.att_src))
        scores = F.leaky_relu(target.unsqueeze(2) + source.unsqueeze(1), self.slope)  # Eq. 2
        return (scores + graph.unsqueeze(-1)).softmax(dim=2)  # Eq. 3


class ActionUnitPoints(Regions):
    """The map at 20 points, bilinear; all pairs joined, their weights learnt from zero."""

    attention = WeightedGraphAttention
    needs_landmarks = True
    average: Tensor
    down: Tensor

    def __init__(self, map_shape: tuple[int, int, int], patches: int):
        super().__init__(map_shape, patches)
        average = torch.zeros(len(POINTS), 68)
        for row, (landmarks, _) in enumerate(POINTS):
            average[row, list(landmarks)] = 1 / len(landmarks)
        self.register_buffer("average", average, persistent=False)
        self.register_buffer("down", torch.tensor([shift for _, shift in POINTS]), persistent=False)
        self.graph = nn.Parameter(torch.zeros(len(POINTS), len(POINTS)))

    def points(self, landmarks: Tensor) -> Tensor:
        """``(frames, 20, 2)``, x and y in [0, 1] of the face."""
        eyes = [landmarks[:, list(eye)].mean(1) for eye in (LEFT_EYE, RIGHT_EYE)]
        distance = (eyes[0] - eyes[1]).norm(dim=-1)
        points = self.average @ landmarks
        moved = points[..., 1] + distance.unsqueeze(1) * self.down
        return torch.stack([points[..., 0], moved], dim=-1)

    def forward(self, maps: Tensor, landmarks: Tensor | None) -> Tensor:
        assert landmarks is not None  # region_gat does not ask without
        where = (2 * self.points(landmarks.to(maps.dtype)) - 1).unsqueeze(2)
        sampled = F.grid_sample(maps, where, padding_mode="border", align_corners=False)
        return sampled.squeeze(-1).transpose(1, 2)

    def places(self, landmarks: Tensor | None) -> Tensor:
        assert landmarks is not None
        points = self.points(landmarks)
        return torch.cat([points - SHOWN, points + SHOWN], dim=-1)
