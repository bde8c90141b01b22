"""The protocol's losses on logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fusionbench.contract.roles import Criterion


def criterion(name: str, *, label_smoothing: float = 0.0, focal_gamma: float = 2.0) -> Criterion:
    """The loss called ``cross_entropy`` or ``focal``, as a function of logits and labels."""
    if name == "focal":
        return lambda logits, labels: focal(logits, labels, focal_gamma)
    return lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def focal(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """Focal loss, the mean of ``-(1 - p)^gamma log p`` of the true class (Lin et al. 2017, eq. 4, no alpha).

    Args:
        logits: ``(batch, classes)``.
        labels: ``(batch,)``.
        gamma: 0 is cross-entropy; 2 is its authors' choice.
    """
    log_p = torch.log_softmax(logits, dim=-1).gather(1, labels.unsqueeze(1)).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()
