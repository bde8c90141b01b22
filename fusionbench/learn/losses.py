"""The protocol's losses on logits, and how much each class weighs in them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fusionbench.contract.roles import Criterion


def balanced(labels: np.ndarray, classes: int) -> Tensor:
    """``(classes,)`` weights that give every class the same say: ``n / (K n_k)``, as scikit-learn has them.

    K counts the classes that occur, so that the weights' mean over the clips is 1; a class without a
    clip weighs nothing.

    Args:
        labels: ``(clips,)`` class numbers of the training part.
        classes: how many classes there are.
    """
    counts = np.bincount(labels, minlength=classes)
    occurs = counts > 0
    weights = np.divide(len(labels), occurs.sum() * counts, out=np.zeros(classes), where=occurs)
    return torch.from_numpy(weights).float()


def criterion(
    name: str,
    *,
    label_smoothing: float = 0.0,
    focal_gamma: float = 2.0,
    class_weights: Tensor | None = None,
) -> Criterion:
    """The loss called ``cross_entropy`` or ``focal``, as a function of logits and labels.

    Args:
        name: of the loss.
        label_smoothing: of cross-entropy.
        focal_gamma: of the focal loss.
        class_weights: ``(classes,)``, each clip's loss is multiplied by its class's; None = all alike.
    """
    if name == "focal":
        return lambda logits, labels: focal(logits, labels, focal_gamma, class_weights)
    if class_weights is None:
        return lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=label_smoothing)

    def weighted(logits: Tensor, labels: Tensor) -> Tensor:
        # Divided by clips, not by their weights as torch does: a batch of one class would lose its weight.
        weights = class_weights.to(logits)
        total = F.cross_entropy(logits, labels, weights, label_smoothing=label_smoothing, reduction="sum")
        return total / len(labels)

    return weighted


def focal(logits: Tensor, labels: Tensor, gamma: float, class_weights: Tensor | None = None) -> Tensor:
    """Focal loss, the mean of ``-alpha (1 - p)^gamma log p`` of the true class (Lin et al. 2017, eq. 5).

    Args:
        logits: ``(batch, classes)``.
        labels: ``(batch,)``.
        gamma: 0 is cross-entropy; 2 is its authors' choice.
        class_weights: alpha ``(classes,)``; None = 1.
    """
    log_p = torch.log_softmax(logits, dim=-1).gather(1, labels.unsqueeze(1)).squeeze(1)
    loss = (1 - log_p.exp()) ** gamma * log_p
    return -(loss if class_weights is None else class_weights.to(logits)[labels] * loss).mean()
