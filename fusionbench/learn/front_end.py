"""From a stored batch to ``Streams``: from streams, maps or frames, as ``front_end.trainable`` says."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from fusionbench.contract.blame import blaming
from fusionbench.contract.roles import Backbone, FusionHead, RelationEncoder
from fusionbench.contract.types import ClipBatch, Streams, StreamSpec
from fusionbench.data.store import StoreIndex
from fusionbench.nn.classifier import kaiming_linear
from fusionbench.nn.pooling import zero_padding

APPEARANCE, RELATION = "appearance", "relation"


class FrontEnd(nn.Module):
    """Everything between a ``ClipBatch`` and the ``Streams`` a head sees."""

    def forward(self, batch: ClipBatch) -> Streams:
        """Streams of a batch, in the front end's order."""
        raise NotImplementedError

    def pretrained(self) -> list[nn.Parameter]:
        """Parameters that get the small learning rate."""
        return []


class StoredStreams(FrontEnd):
    """``trainable: none``: streams that are stored are standardised and brought to a width.

    Args:
        dims: stream name -> channels, in order.
        statistics: stream name -> mean and standard deviation of each channel; None leaves the scale.
        widen: a narrower stream goes through a learned linear map to so many channels, since heads
            take their own width from their streams'; None widens none.
        narrow: a wider stream goes through one to so many channels, since heads grow with the
            square of their streams' widths; None narrows none.

    Attributes:
        mapped: name -> channels before and after, of the streams that have a map.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        statistics: Mapping[str, tuple[Tensor, Tensor]] | None = None,
        widen: int | None = None,
        narrow: int | None = None,
    ):
        super().__init__()
        self.names = tuple(dims)
        wanted = {name: min(max(dim, widen or dim), narrow or math.inf) for name, dim in dims.items()}
        self.mapped = {name: (dim, int(wanted[name])) for name, dim in dims.items() if wanted[name] != dim}
        self._scaled = statistics is not None
        for name, (mean, std) in (statistics or {}).items():
            self.register_buffer(f"mean_{name}", mean)
            self.register_buffer(f"std_{name}", std)
        self.maps = nn.ModuleList(
            kaiming_linear(nn.Linear(*self.mapped[name])) if name in self.mapped else nn.Identity()
            for name in dims
        )

    def forward(self, batch: ClipBatch) -> Streams:
        streams = {}
        for name, to_width in zip(self.names, self.maps, strict=True):
            streams[name] = zero_padding(to_width(self._standardised(name, batch)), batch.mask)
        return Streams(streams, batch.mask)

    def _standardised(self, name: str, batch: ClipBatch) -> Tensor:
        stream = batch.arrays[name]
        if not self._scaled:
            return stream
        return (stream - self.get_buffer(f"mean_{name}")) / self.get_buffer(f"std_{name}")


class StoredMaps(FrontEnd):
    """``trainable: relation``: trunk maps and appearance are stored, the relation encoder learns."""

    def __init__(self, relation: RelationEncoder):
        super().__init__()
        self.relation = relation

    def forward(self, batch: ClipBatch) -> Streams:
        maps = batch.arrays["map"].float()
        relation = _per_frame(self.relation, maps, batch.arrays.get("landmarks"))
        return Streams({APPEARANCE: batch.arrays[APPEARANCE], RELATION: relation}, batch.mask)

    def pretrained(self) -> list[nn.Parameter]:
        return self.relation.pretrained()


class EndToEnd(FrontEnd):
    """``trainable: all``: frames through one backbone (or a copy for each stream), as the paper trains."""

    def __init__(self, backbone: Backbone, relation: RelationEncoder | None, share_trunk: bool):
        super().__init__()
        self.backbone = backbone
        self.map_backbone = None if share_trunk or relation is None else copy.deepcopy(backbone)
        self.relation = relation

    def forward(self, batch: ClipBatch) -> Streams:
        clips, time = batch.mask.shape
        frames = rearrange(batch.arrays["frames"], "b t c h w -> (b t) c h w").float() / 255
        with blaming(self.backbone, "forward"):
            features = self.backbone(frames)
        appearance = rearrange(features.embedding, "(b t) d -> b t d", t=time)
        if self.relation is None:
            return Streams({APPEARANCE: appearance}, batch.mask)
        maps = features.map if self.map_backbone is None else self.map_backbone(frames).map
        maps = rearrange(maps, "(b t) c h w -> b t c h w", b=clips)
        relation = _per_frame(self.relation, maps, batch.arrays.get("landmarks"))
        return Streams({APPEARANCE: appearance, RELATION: relation}, batch.mask)

    def pretrained(self) -> list[nn.Parameter]:
        parts = [self.backbone, self.map_backbone, self.relation]
        return [parameter for part in parts if part for parameter in part.pretrained()]


def _per_frame(relation: RelationEncoder, maps: Tensor, landmarks: Tensor | None) -> Tensor:
    """Maps ``(batch, time, channels, rows, cols)`` to ``(batch, time, dim)``."""
    time = maps.shape[1]
    points = None if landmarks is None else rearrange(landmarks, "b t n xy -> (b t) n xy")
    with blaming(relation, "forward"):
        encoded = relation(rearrange(maps, "b t c h w -> (b t) c h w"), points)
    return rearrange(encoded, "(b t) d -> b t d", t=time)


class Model(nn.Module):
    """A front end and the head that is compared.

    Args:
        front_end: makes streams of what is stored.
        head: classifies them.
        spec: the sizes that the head was built for.
    """

    def __init__(self, front_end: FrontEnd, head: FusionHead, spec: StreamSpec):
        super().__init__()
        self.front_end = front_end
        self.head = head
        self.spec = spec

    def forward(self, batch: ClipBatch) -> Tensor:
        """Logits ``(batch, classes)``."""
        return self.head(self.front_end(batch))


def stream_statistics(
    index: StoreIndex, arrays: Mapping[str, np.ndarray], ids: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and standard deviation of each channel over the frames of the clips ``ids``.

    Frames are read clip by clip and summed in float64, so memory stays bounded.
    A channel that does not vary keeps its scale.
    """
    sums: dict[str, tuple[int, np.ndarray, np.ndarray]] = {}
    for place in index.places(sorted(ids)):
        rows = slice(index.first_row[place], index.first_row[place] + index.rows[place])
        for name, array in arrays.items():
            values = array[rows].astype(np.float64)
            count, total, squares = sums.get(name, (0, np.zeros(1), np.zeros(1)))
            sums[name] = (count + len(values), total + values.sum(0), squares + (values**2).sum(0))
    statistics = {}
    for name, (count, total, squares) in sums.items():
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        std[std < 1e-6] = 1.0
        statistics[name] = (torch.from_numpy(mean).float(), torch.from_numpy(std).float())
    return statistics
