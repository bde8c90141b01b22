"""ARPGNet's relation encoder: attention between the regions of a face (section 3.3, Eq. 1-4)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from einops import reduce
from pydantic import Field
from torch import Tensor, nn

import fusionbench as fb

from .chang import FaceParts
from .ddrgcn import ActionUnitPoints
from .ra_uwml import FaceThirds
from .regions import Grid, Regions

GRAPHS: dict[str, type[Regions]] = {
    "grid": Grid,
    "ra_uwml": FaceThirds,
    "ddrgcn": ActionUnitPoints,
    "chang": FaceParts,
}
SHIPPED = Path(__file__).with_suffix(".safetensors")
SHIPPED_MAP = (64, 12, 12)
"""the maps of backbone ``tiny``, which the shipped weights read"""
SLOPE = 0.01
"""of the LeakyReLU on scores (section 4.2.2) and, our reading, of sigma in Eq. 4"""


class RegionGAT(fb.RelationEncoder):
    """A map is pooled to P x P regions; three graph attention layers; the mean over regions.

    The paper's 512 channels a layer are the preset ``region-gat-paper``; the default
    width suits the small maps of backbone ``tiny``. The other graphs of Table 6 change
    the regions and the edges, nothing else; ``ddrgcn`` and ``chang`` are experimental:
    drawn from their abstracts, as no more of them could be read.
    """

    name = "region_gat"

    class Config(fb.Config):
        graph: Literal["grid", "ra_uwml", "ddrgcn", "chang"] = Field(
            "grid",
            description="regions and edges (Table 6): patches of Eq. 1, three crops, "
            "20 action unit points or 8 face parts; the last two need landmarks",
        )
        patches: int = fb.tunable(
            6,
            choices=[12, 6, 4, 3],
            ge=1,
            description="P, patches per side of the map in graph grid (Table 5: 6 is best); "
            "uneven unless P divides it",
        )
        width: int = Field(96, gt=0, description="channels of each layer and of the stream; the paper's: 512")
        layers: int = Field(
            3,
            gt=0,
            description="graph attention layers: as many as IR-50's last block has units (section 3.3)",
        )
        heads: int = Field(4, gt=0, description='attention heads, averaged; the paper says "several"')
        bias: bool = Field(True, description="a bias after each layer; Eq. 4 has none")
        weights: Literal["shipped"] | Path | None = Field(
            "shipped",
            description="shipped (learnt from drawn faces; only where all other options are the defaults), "
            "a safetensors file, or null: drawn at random",
        )

    def __init__(self, map_shape: tuple[int, int, int], config: Config):
        super().__init__(map_shape, config)
        reason = self.supports(map_shape, config, landmarks=True)
        if reason:
            raise fb.NotSupported(f"relation {self.name!r} does not fit: {reason}")
        self.dim = config.width
        self.regions = GRAPHS[config.graph](map_shape, config.patches)
        self.needs_landmarks = self.regions.needs_landmarks
        widths = [map_shape[0]] + config.layers * [config.width]
        self.layers = nn.ModuleList(
            self.regions.attention(width_in, width, heads=config.heads, slope=SLOPE, bias=config.bias)
            for width_in, width in pairwise(widths)
        )
        self.sigma = nn.LeakyReLU(SLOPE)
        path = self.weights(config)
        self._pretrained = fb.load_weights(self, path) if path else []

    @classmethod
    def weights(cls, config: Config) -> Path | None:
        if config.weights == "shipped":
            return SHIPPED if config == cls.Config.model_validate({}) else None
        return config.weights.expanduser() if config.weights else None

    @classmethod
    def canonical(cls, map_shape: tuple[int, int, int], config: Config) -> Config:
        """Only the grid has patches."""
        return config if config.graph == "grid" else config.model_copy(update={"patches": 6})

    @classmethod
    def supports(cls, map_shape: tuple[int, int, int], config: Config, landmarks: bool) -> str | None:
        if cls.weights(config) == SHIPPED and tuple(map_shape) != SHIPPED_MAP:
            return (
                f"its shipped weights read {SHIPPED_MAP} maps (of backbone tiny), not {tuple(map_shape)}. "
                "Use --relation region-gat-paper, or relation.weights=null, and train it."
            )
        if GRAPHS[config.graph].needs_landmarks and not landmarks:
            return (
                f"its graph {config.graph!r} is drawn on the 68 facial landmarks, which these data "
                "do not hold. Set relation.graph=grid or ra_uwml."
            )
        if config.graph == "grid" and config.patches > min(map_shape[1:]):
            cells = f"{map_shape[1]} x {map_shape[2]} cells"
            return f"{config.patches} patches a side do not fit into {cells}. Set a smaller relation.patches."
        return None

    def forward(self, maps: Tensor, landmarks: Tensor | None = None) -> Tensor:
        if self.needs_landmarks and landmarks is None:
            raise fb.NotSupported(f"graph {self.config.graph!r} needs landmarks; got maps alone.")
        regions = self.regions(maps, landmarks)
        for layer in self.layers:
            regions = self.sigma(layer(regions, self.regions.graph))  # Eq. 2-4; sigma after the heads' mean
        return reduce(regions, "f regions c -> f c", "mean")

    def explain(self, maps: Tensor, landmarks: Tensor | None = None) -> Mapping[str, Any]:
        """The attention of each layer, and where the regions lie."""
        axes = ("frame", "head", "target", "source")
        regions, found = self.regions(maps, landmarks), {}
        layer: Any
        for number, layer in enumerate(self.layers, 1):
            weights = layer.attention(regions, self.regions.graph)
            found[f"layer {number}"] = (axes, weights.detach().cpu().numpy())
            regions = self.sigma(layer(regions, self.regions.graph))
        boxes = self.regions.places(landmarks).expand(len(maps), -1, -1)
        return {**found, "regions": (("frame", "region", "box"), boxes.detach().cpu().numpy())}

    def pretrained(self) -> list[nn.Parameter]:
        return self._pretrained


@fb.hookimpl
def relation_encoders() -> list[type[fb.RelationEncoder]]:
    return [RegionGAT]
