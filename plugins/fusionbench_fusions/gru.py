"""Early fusion by a GRU over the concatenated streams: the lighter sibling of ``blstm`` (ours)."""

from __future__ import annotations

import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import fusionbench as fb


class GRU(fb.FusionHead):
    """Early fusion: a GRU reads the concatenated streams; its last state, then one linear layer."""

    name = "gru"

    class Config(fb.Config):
        hidden: int = fb.tunable(256, choices=[64, 128, 256, 512], ge=1, description="units a direction")
        bidirectional: bool = Field(False, description="also read the clip backwards")
        dropout: float = fb.tunable(0.0, low=0.0, high=0.6, ge=0, lt=1, description="on the last state")

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = tuple(spec.dims)
        self.gru = nn.GRU(
            sum(spec.dims.values()), config.hidden, batch_first=True, bidirectional=config.bidirectional
        )
        self.drop = nn.Dropout(config.dropout)
        self.classify = nn.Linear(config.hidden * (1 + config.bidirectional), spec.classes)

    def forward(self, streams: fb.Streams) -> Tensor:
        side_by_side = torch.cat([streams[name] for name in self.names], dim=-1)
        lengths = streams.lengths.clamp(min=1).cpu()
        packed = pack_padded_sequence(side_by_side, lengths, batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed)
        return self.classify(self.drop(rearrange(last, "direction b h -> b (direction h)")))


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [GRU]
