"""Gated fusion: a gate weighs the streams against one another, frame by frame."""

import fusionbench as fb
import torch
from pydantic import Field
from torch import Tensor, nn


class GatedFusion(fb.FusionHead):
    """Streams of one width, weighed by a gate at each frame and summed; mean over time."""

    name = "gated"

    class Config(fb.Config):
        hidden: int = Field(128, gt=0, description="width all streams are projected to")

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = tuple(spec.dims)
        self.project = nn.ModuleList(nn.Linear(d, config.hidden) for d in spec.dims.values())
        self.gate = nn.Linear(len(spec.dims) * config.hidden, len(spec.dims))
        self.classify = nn.Linear(config.hidden, spec.classes)

    def forward(self, streams: fb.Streams) -> Tensor:
        x = [project(streams[name]) for project, name in zip(self.project, self.names, strict=True)]
        weight = self.gate(torch.cat(x, dim=-1)).softmax(dim=-1)
        fused = sum(w.unsqueeze(-1) * v for w, v in zip(weight.unbind(-1), x, strict=True))
        return self.classify(fb.masked_mean(fused, streams.mask))


@fb.hookimpl
def fusion_heads():
    return [GatedFusion]
