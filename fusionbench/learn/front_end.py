"""From a stored batch to ``Streams``: from streams, maps or frames, as ``front_end.trainable`` says."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from fusionbench.contract.blame import blaming
from fusionbench.contract.roles import Backbone, FusionHead, RelationEncoder, beside_maps
from fusionbench.contract.samples import logits_of
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
            stream = batch.arrays[name]
            if self._scaled and not batch.standardised:
                stream = (stream - self.get_buffer(f"mean_{name}")) / self.get_buffer(f"std_{name}")
            if name in self.mapped or not batch.standardised:  # what is held in memory has zeros there
                stream = zero_padding(to_width(stream), batch.mask)
            streams[name] = stream
        return Streams(streams, batch.mask, batch.judged)

    def standardised(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All rows of the stored streams as ``forward`` scales them, digit for digit, in memory.

        Args:
            arrays: stream name -> ``(rows, channels)``.
        """
        if not self._scaled:
            return {name: np.array(arrays[name]) for name in self.names}
        held = {}
        with np.errstate(all="ignore"):  # torch does not tell of an overflow either
            for name in self.names:
                mean, std = (self.get_buffer(f"{part}_{name}").cpu().numpy() for part in ("mean", "std"))
                held[name] = np.asarray(arrays[name]) - mean
                held[name] /= std
        return held


class StoredMaps(FrontEnd):
    """``trainable: relation``: appearance and what the relation encoder reads are stored; it learns."""

    def __init__(self, relation: RelationEncoder):
        super().__init__()
        self.relation = relation

    def forward(self, batch: ClipBatch) -> Streams:
        relation = _per_frame(self.relation, batch.arrays.get("map"), batch)
        return Streams({APPEARANCE: batch.arrays[APPEARANCE], RELATION: relation}, batch.mask, batch.judged)

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
            return Streams({APPEARANCE: appearance}, batch.mask, batch.judged)
        maps = features.map if self.map_backbone is None else self.map_backbone(frames).map
        maps = rearrange(maps, "(b t) c h w -> b t c h w", b=clips)
        relation = _per_frame(self.relation, maps, batch)
        return Streams({APPEARANCE: appearance, RELATION: relation}, batch.mask, batch.judged)

    def pretrained(self) -> list[nn.Parameter]:
        parts = [self.backbone, self.map_backbone, self.relation]
        return [parameter for part in parts if part for parameter in part.pretrained()]


def _per_frame(relation: RelationEncoder, maps: Tensor | None, batch: ClipBatch) -> Tensor:
    """Maps ``(batch, time, channels, rows, cols)``, landmarks and points to ``(batch, time, dim)``."""
    given = [maps, batch.arrays.get("landmarks"), batch.arrays.get("points")]
    of_maps, marks, points = (None if array is None else array.flatten(0, 1).float() for array in given)
    with blaming(relation, "forward"):
        encoded = relation(of_maps, *beside_maps(relation, marks, points))
    return rearrange(encoded, "(b t) d -> b t d", t=batch.mask.shape[1])


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
        """Logits ``(samples, classes)``."""
        return logits_of(self.head, self.front_end(batch))


_OFF_CENTRE = 1e6
"""mean square over variance from which the difference of two sums in float64 is no longer exact in float32"""


def stream_statistics(
    index: StoreIndex, arrays: Mapping[str, np.ndarray], ids: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and standard deviation of each channel over the frames of the clips ``ids``.

    Frames are read clip by clip and summed in float64, so memory stays bounded.
    Channels that lie far from zero are read once more and summed about their mean.
    Nothing here depends on the unit of a channel. One that does not vary keeps its
    scale; one that varies by no more than float32 resolves where its values lie is
    divided by their magnitude, so that rounding is not taken for a signal.
    """
    places = index.places(sorted(ids))
    return {name: _channel_statistics(index, array, places) for name, array in arrays.items()}


def _channel_statistics(index: StoreIndex, array: np.ndarray, places: np.ndarray) -> tuple[Tensor, Tensor]:
    count, total, squares = 0, np.zeros(array.shape[1]), np.zeros(array.shape[1])
    low, high = np.full(array.shape[1], np.inf), np.full(array.shape[1], -np.inf)
    for values in _clips(index, array, places):
        count, total, squares = count + len(values), total + values.sum(0), squares + (values**2).sum(0)
        low, high = np.minimum(low, values.min(0)), np.maximum(high, values.max(0))
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    (off,) = np.nonzero(squares / count > _OFF_CENTRE * variance)
    if len(off):
        shift, about = np.zeros(len(off)), np.zeros(len(off))
        for values in _clips(index, array, places):
            centred = values[:, off] - mean[off]
            shift, about = shift + centred.sum(0), about + (centred**2).sum(0)
        variance[off] = np.maximum(about / count - (shift / count) ** 2, 0)
        mean[off] += shift / count
    std = np.sqrt(variance)
    magnitude = np.maximum(np.abs(low), np.abs(high))
    std = np.where(std <= np.finfo(np.float32).eps * magnitude, magnitude, std)
    std[low == high] = 1.0
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()


def _clips(index: StoreIndex, array: np.ndarray, places: np.ndarray) -> Iterator[np.ndarray]:
    """Each clip's rows ``(time, channels)`` in float64."""
    for place in places:
        first = index.first_row[place]
        yield array[first : first + index.rows[place]].astype(np.float64)
