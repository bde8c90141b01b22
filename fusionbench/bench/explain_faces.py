"""The faces behind a run's streams, and what the regions of one of them read of each other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fusionbench.bench.front_end import build_front_end
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.roles import RelationEncoder, beside_maps
from fusionbench.contract.types import ClipBatch
from fusionbench.data.ingest import beside_frames, cached_frames
from fusionbench.learn.front_end import EndToEnd, FrontEnd, StoredMaps


@dataclass(frozen=True)
class Regions:
    """What the regions of one face read of each other."""

    weights: np.ndarray
    """``(targets, sources)``, of the encoder's last layer, averaged over attention heads"""
    boxes: np.ndarray
    """``(regions, 4)``: left, top, right, bottom in [0, 1] of the face"""

    @property
    def most_read(self) -> int:
        """The region that the others read most."""
        others = self.weights * ~np.eye(len(self.weights), dtype=bool)
        return int(others.sum(axis=0).argmax())


def face_arrays(config: RunConfig, data: RunData) -> dict[str, np.ndarray]:
    """``frames``, and ``landmarks`` and ``points`` where there are any, in the rows of the run's streams.

    Empty where the data are streams without frames.
    """
    backbone = config.backbone
    if config.dataset.cls.precomputed or backbone is None:
        return {}
    size = backbone.cls.input_size(backbone.options)
    bad = config.options.data.on_bad_clip
    store = cached_frames(data.dataset, data.dataset.scan(), size, bad, data.stand_in)
    if store is None:
        return {}
    return {name: store.arrays[name] for name in ("frames", *beside_frames(store))}


class RegionReader:
    """Asks the relation encoder of a run which regions of a face read which.

    Args:
        front_end: the run's, as it was trained.
        config: the run's.
        beside: which of landmarks and points the data have.
    """

    def __init__(self, front_end: FrontEnd, config: RunConfig, beside: Collection[str]) -> None:
        self._trunk: Any = None
        self.encoder: RelationEncoder | None = None
        """None where there is none, or it shows nothing"""
        if isinstance(front_end, EndToEnd):
            self._trunk, encoder = front_end.map_backbone or front_end.backbone, front_end.relation
        elif isinstance(front_end, StoredMaps):
            encoder = front_end.relation
        elif config.backbone and config.relation:  # it ran once, over all frames
            self._trunk, encoder = build_front_end(config.backbone, config.relation, beside)
        else:
            encoder = None
        if encoder is not None and type(encoder).explain is not RelationEncoder.explain:
            self.encoder = encoder.eval()

    @torch.inference_mode()
    def read(self, batch: ClipBatch, frame: int) -> Regions | None:
        """Of one frame of the only clip of a batch; None where the encoder shows no regions."""
        if self.encoder is None:
            return None
        arrays = {name: array[0, frame : frame + 1] for name, array in batch.arrays.items()}
        maps: Any = arrays.get("map")
        if self._trunk is not None:
            maps = self._trunk.eval()(arrays["frames"].float() / 255).map
        given = beside_maps(self.encoder, arrays.get("landmarks"), arrays.get("points"))
        seen: Any = None if maps is None else maps.float()
        found = dict(self.encoder.explain(seen, *given))
        if "regions" not in found or len(found) < 2:
            return None
        boxes = np.asarray(found.pop("regions")[1])[0]
        axes, weights = list(found.values())[-1]
        weights = np.asarray(weights)[0]
        return Regions(weights.mean(axis=0) if "head" in axes else weights, boxes)
