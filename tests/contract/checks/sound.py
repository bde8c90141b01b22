"""A head without a fault, the rules by name, and which of them a head breaks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import fusionbench as fb

SHAPES = "returns finite logits (batch, classes)"
TRAINS = "trains, also on one clip and after an evaluation"
STREAMS = "gradients reach every stream it reads, and no other"
PARAMETERS = "gradients reach every parameter"
DETERMINISTIC = "eval mode is deterministic"
PADDING = "padded frames never change the logits"
PERMUTED = "permuting the batch permutes the logits"
ALONE = "a clip alone has the logits it has in a batch"
LENGTHS = "takes clips from min_time frames on"
LONG = "takes long clips"
STEPS = "each_step() labels every step, alone as in a batch"
SAVED = "saving and loading keeps the logits"
BFLOAT16 = "runs in autocast to bfloat16"
UNTOUCHED = "leaves its streams as they came"
NO_GRAPH = "keeps no graph of a batch"
ANY_NAME = "takes streams of any name"
BUILDS = "builds for one, two and three streams, equally wide or not, or supports() says why not"
WEIGHTS = "follows class weights, or takes none"
EXPLAINED = "explain() names the axes of finite arrays"


class Sound(fb.FusionHead):
    """Mean over time of the streams side by side; every faulty head below is this one with a fault."""

    name = "sound"

    def __init__(self, spec: fb.StreamSpec, config: fb.Config):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.classify = nn.Linear(sum(spec.dims.values()), spec.classes)

    def frames(self, streams: fb.Streams) -> Tensor:
        return torch.cat(list(streams.values()), dim=-1)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.classify(self.drop(fb.masked_mean(self.frames(streams), streams.mask)))


def broken(head: type[fb.FusionHead]) -> dict[str, fb.testing.Finding]:
    found = fb.testing.rules(head, compile=False)
    return {finding.rule: finding for finding in found if finding.state == "broken"}
