"""What a head says of what is judged: of whole clips, or of steps of them that have labels of their own."""

from __future__ import annotations

from torch import Tensor

from fusionbench.contract.roles import Criterion, FusionHead
from fusionbench.contract.types import Streams


def labels_steps(cls: type[FusionHead]) -> bool:
    """Whether a head can label every step of a clip."""
    return cls.each_step is not FusionHead.each_step


def logits_of(head: FusionHead, streams: Streams) -> Tensor:
    """Logits ``(samples, classes)``: of each clip, or of each judged step, clip by clip."""
    return head(streams) if streams.judged is None else head.each_step(streams)[streams.judged]


def loss_of(
    head: FusionHead, streams: Streams, labels: Tensor, criterion: Criterion
) -> tuple[Tensor, Tensor]:
    """The loss to minimise and the logits of a batch's samples.

    Args:
        head: in training mode.
        streams: a batch.
        labels: ``(samples,)`` class numbers.
        criterion: the protocol's loss on logits.
    """
    if streams.judged is None:
        return head.training_loss(streams, labels, criterion)
    logits = logits_of(head, streams)
    return criterion(logits, labels), logits
