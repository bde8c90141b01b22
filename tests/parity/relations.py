"""The relation encoder as a whole, and the crops of RA-UWML's graph."""

from __future__ import annotations

import torch
from fusionbench_relations.ra_uwml import FaceThirds
from fusionbench_relations.region_gat import RegionGAT
from fusionbench_relations.regions import crop
from torch import Tensor

from tests.parity.fixture import Fixture

Pairs = dict[str, tuple[Tensor, Tensor]]


def relation_encoder(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    sizes = fixture.config
    maps = fixture.tensors(dtype, "in.")["feature_map"]
    config = RegionGAT.Config(
        patches=sizes["P"],
        width=sizes["channels"],
        layers=sizes["layers"],
        heads=sizes["heads"],
        weights=None,
    )
    encoder = RegionGAT(tuple(maps.shape[1:]), config).to(dtype).eval()
    encoder.layers.load_state_dict(fixture.tensors(dtype, "sd."))
    stored = fixture.tensors(dtype, "mid.")
    nodes = encoder.regions(maps, None)
    pairs = {"nodes": (nodes, stored["nodes"])}
    for number, layer in enumerate(encoder.layers):
        nodes = encoder.sigma(layer(nodes, encoder.regions.graph))
        pairs[f"layer{number}"] = (nodes, stored[f"layer{number}"])
    return pairs | {"relation": (encoder(maps), fixture.tensors(dtype, "out.")["relation"])}


def three_rois(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    given, stored = fixture.tensors(dtype, "in."), fixture.tensors(dtype, "out.")
    maps, boxes = given["map"], given["theta"]
    crops = crop(maps, boxes.expand(len(maps), *boxes.shape), tuple(maps.shape[2:]), outside="zeros")
    pairs = {"pooled": (crops.mean((-2, -1)).flatten(0, 1), stored["pooled"])}
    if dtype == torch.float32:  # the reference sampled in it, which moves single cells by 1e-6
        pairs["patches"] = (crops.flatten(0, 1), stored["patches"])
    thirds = FaceThirds(tuple(maps.shape[1:]), patches=6).to(dtype)
    return pairs | {"nodes": (thirds(maps, None).flatten(0, 1), stored["pooled"])}


CHECKS = {"arp_relation": relation_encoder, "ra_uwml": three_rois}
