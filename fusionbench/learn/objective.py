"""What a fit optimises: the loss of a step, the metric that chooses the epoch, how much each class weighs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.contract.judging import USUAL, Judging
from fusionbench.contract.roles import Criterion, Score
from fusionbench.learn.losses import balanced, criterion
from fusionbench.learn.metrics import counted, of_counts


@dataclass(frozen=True)
class Objective:
    """The same for every head of a comparison."""

    criterion: Criterion
    """loss on logits"""
    judging: Judging = USUAL
    """its first metric chooses the epoch"""
    class_weights: Tensor | None = None
    """``(classes,)``, for heads that are solved for: the criterion has them already"""

    @property
    def score(self) -> Score:
        """The metric that decides, as a function of logits and labels."""

        def of(logits: Tensor, labels: Tensor) -> float:
            said = logits.argmax(dim=-1)
            counts = counted(labels.cpu().numpy(), said.cpu().numpy(), logits.shape[-1])
            return of_counts(counts, self.judging)[self.judging.decides]

        return of


def objective(
    options: TrainingOptions, protocol_loss: str, judging: Judging, labels: np.ndarray, classes: int
) -> Objective:
    """The objective of a run.

    Args:
        options: of its training.
        protocol_loss: the dataset's own loss.
        judging: what the run is judged by.
        labels: ``(clips,)`` class numbers of the training part.
        classes: how many classes there are.
    """
    weights = balanced(labels, classes) if options.class_weights == "balanced" else None
    loss = criterion(
        protocol_loss if options.loss == "protocol" else options.loss,
        label_smoothing=options.label_smoothing,
        focal_gamma=options.focal_gamma,
        class_weights=weights,
    )
    return Objective(loss, judging, weights)
