"""Late fusion: every stream is classified on its own, the probabilities are averaged.

Score-level fusion as ARPGNet's references [15] and [25] do it, with weights set by hand,
searched on the selection split, or learned; the last two are this project's additions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

import fusionbench as fb

STEPS = 10
"""the grid tries weights in steps of one tenth"""


class Late(fb.FusionHead):
    """Late (score) fusion: a weighted mean of the streams' probabilities.

    ``p = sum_s w_s softmax(L_s mean_t x_s)``, returned as ``log p``.

    log p serves as logits: its softmax is p, so cross-entropy on it is the negative
    log-likelihood of p.
    """

    name = "late"

    class Config(fb.Config):
        weighting: Literal["fixed", "grid", "learned"] = Field(
            "fixed", description="weights as given, searched on the selection split, or trained"
        )
        weights: tuple[NonNegativeFloat, ...] | None = Field(
            None,
            description="one a stream, scaled to sum to one; null = equal (where fixed, and at the start)",
        )

    @classmethod
    def supports(cls, spec: fb.StreamSpec, config: Config) -> str | None:
        if config.weights is None:
            return None
        if len(config.weights) != len(spec.dims):
            return f"{len(config.weights)} weights {config.weights} for {len(spec.dims)} streams"
        if not sum(config.weights) or (config.weighting == "learned" and 0 in config.weights):
            return f"weights {config.weights} leave nothing to weigh"
        return None

    def __init__(self, spec: fb.StreamSpec, config: Config):
        super().__init__()
        self.config = config
        self.names = tuple(spec.dims)
        self.classify = nn.ModuleList(
            fb.kaiming_linear(nn.Linear(d, spec.classes)) for d in spec.dims.values()
        )
        given = torch.tensor(config.weights or [1.0] * len(self.names))
        log_weights = (given / given.sum()).log()
        if config.weighting == "learned":
            self.log_weights = nn.Parameter(log_weights)
        else:
            self.register_buffer("log_weights", log_weights)

    def forward(self, streams: fb.Streams) -> Tensor:
        return self.combine(self.scores(streams).log_softmax(dim=-1))

    def scores(self, streams: fb.Streams) -> Tensor:
        """Each stream's own logits, ``(streams, batch, classes)``."""
        pooled = (fb.masked_mean(streams[name], streams.mask) for name in self.names)
        return torch.stack([linear(x) for linear, x in zip(self.classify, pooled, strict=True)])

    def combine(self, log_p: Tensor) -> Tensor:
        """The log of the weighted mean probability: ``(streams, batch, classes)`` -> ``(batch, classes)``."""
        weights = self.log_weights.log_softmax(dim=0)
        return torch.logsumexp(log_p + weights[:, None, None], dim=0)

    def training_loss(
        self, streams: fb.Streams, labels: Tensor, criterion: fb.Criterion
    ) -> tuple[Tensor, Tensor]:
        """Each stream learns on its own; learned weights follow the combined output alone."""
        scores = self.scores(streams)
        loss = torch.stack([criterion(stream, labels) for stream in scores]).sum()
        if self.config.weighting != "learned":
            return loss, self.combine(scores.log_softmax(dim=-1))
        logits = self.combine(scores.detach().log_softmax(dim=-1))
        return loss + criterion(logits, labels), logits

    @torch.no_grad()
    def calibrate(
        self, selection: Iterable[tuple[fb.Streams, Tensor]], score: fb.Score = fb.accuracy
    ) -> None:
        """Where ``weighting`` is grid: the weights of the best score, the likelier ones of equals."""
        if self.config.weighting != "grid":
            return
        batches = [(self.scores(streams).log_softmax(dim=-1), labels) for streams, labels in selection]
        log_p = torch.cat([scores for scores, _ in batches], dim=1)
        labels = torch.cat([labels for _, labels in batches])

        def merit(weights: tuple[int, ...]) -> tuple[float, float]:
            self.log_weights.copy_(torch.tensor(weights, dtype=log_p.dtype).log())
            combined = self.combine(log_p)
            return score(combined, labels), combined.gather(1, labels.unsqueeze(1)).mean().item()

        merit(max(tenths(len(self.names), STEPS), key=merit))


def tenths(streams: int, total: int) -> Iterable[tuple[int, ...]]:
    """Every way to share ``total`` among the streams."""
    if streams == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in tenths(streams - 1, total - first):
            yield (first, *rest)


@fb.hookimpl
def fusion_heads() -> list[type[fb.FusionHead]]:
    return [Late]
