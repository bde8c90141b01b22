"""RA-UWML's graph: upper, middle and lower face (Table 6, row 1).

The crops are the constants that the official code starts from
(github.com/Sunner4nwpu/RA-UWML-AU-Pytorch, ``codes/model.py``). It predicts them by a
small network whose learning rate is 0 by default, so they stay where they are. Its
attention between the crops gives way to the graph attention all rows of Table 6 share.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .regions import Regions, complete_graph, crop, outlines

THIRDS = (  # half width, centre x, half height, centre y; the map from -1 to 1
    (1.0, 0.0, 1 / 3, -13 / 20),
    (3 / 4, 0.0, 1 / 4, -1 / 10),
    (1.0, 0.0, 1 / 3, 1 / 2),
)
BOXES = [[[sx, 0, tx], [0, sy, ty]] for sx, tx, sy, ty in THIRDS]
"""in the form ``crop`` takes"""


class FaceThirds(Regions):
    """Three overlapping crops; all of them joined: nine edges [our reading]."""

    weights: Tensor

    def __init__(self, map_shape: tuple[int, int, int], patches: int):
        super().__init__(map_shape, patches)
        _, rows, cols = map_shape
        # Sampling and averaging are linear in the map: what a crop makes of each cell says it all.
        cells = torch.eye(rows * cols).reshape(1, rows * cols, rows, cols)
        boxes = torch.tensor(BOXES)
        crops = crop(cells, boxes.unsqueeze(0), (rows, cols), outside="zeros")
        self.register_buffer("weights", crops.mean((-2, -1))[0], persistent=False)
        self.register_buffer("graph", complete_graph(len(THIRDS)), persistent=False)

    def forward(self, maps: Tensor, landmarks: Tensor | None) -> Tensor:
        return torch.einsum("n p, f c p -> f n c", self.weights, maps.flatten(2))

    def places(self, landmarks: Tensor | None) -> Tensor:
        return outlines(torch.tensor(BOXES)).unsqueeze(0)
