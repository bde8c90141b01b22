"""Early fusion by a recurrent network over the concatenated streams: ``blstm`` and ``gru``.

``blstm`` is ARPGNet's reference [34]; the paper gives no sizes, so one layer of 256 units is
ours. ``gru`` is its lighter sibling, read forwards (ours).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import fusionbench as fb


class Recurrent(fb.FusionHead):
    """The last state of each direction, side by side, then one linear layer."""

    cell: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    class Config(fb.Config):
        hidden: int = fb.tunable(256, choices=[64, 128, 256, 512], ge=1, description="units a direction")
        bidirectional: bool = Field(False, description="also read the clip backwards")
        dropout: float = fb.tunable(0.0, low=0.0, high=0.6, ge=0, lt=1, description="on the last state")

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.names = tuple(spec.dims)
        self.read = self.cell(
            sum(spec.dims.values()), config.hidden, batch_first=True, bidirectional=config.bidirectional
        )
        self.drop = nn.Dropout(config.dropout)
        self.classify = nn.Linear(config.hidden * (1 + config.bidirectional), spec.classes)

    def forward(self, streams: fb.Streams) -> Tensor:
        _, state = self.read(self._packed(streams))
        last = state[0] if isinstance(state, tuple) else state  # an LSTM also returns its cell's memory
        return self.classify(self.drop(rearrange(last, "direction b h -> b (direction h)")))

    def each_step(self, streams: fb.Streams) -> Tensor:
        """What each direction has read up to a step, side by side, then the linear layer."""
        read, _ = self.read(self._packed(streams))
        states, _ = pad_packed_sequence(read, batch_first=True, total_length=streams.mask.shape[1])
        return self.classify(self.drop(states))

    def _packed(self, streams: fb.Streams) -> PackedSequence:
        """Packed, each clip ends at its own last real frame, and there the backward reading starts."""
        side_by_side = torch.cat([streams[name] for name in self.names], dim=-1)
        lengths = streams.lengths.clamp(min=1).cpu()
        return pack_padded_sequence(side_by_side, lengths, batch_first=True, enforce_sorted=False)


class BLSTM(Recurrent):
    """Early fusion: an LSTM reads the concatenated streams in both directions."""

    name = "blstm"
    cell = nn.LSTM

    class Config(Recurrent.Config):
        bidirectional: bool = Field(True, description="also read the clip backwards")


class GRU(Recurrent):
    """Early fusion: a GRU reads the concatenated streams."""

    name = "gru"
    cell = nn.GRU


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [BLSTM, GRU]
