"""A training step that is no longer finite: what became so first, where it arises, and what can help."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.contract.errors import UserError
from fusionbench.contract.non_finite import first_non_finite
from fusionbench.contract.roles import Criterion
from fusionbench.contract.samples import loss_of
from fusionbench.contract.types import ClipBatch
from fusionbench.learn.front_end import Model

NAMED = 3
"""parameters that are listed by name"""


def diverged(
    model: Model,
    batch: ClipBatch,
    criterion: Criterion,
    logits: Tensor,
    loss: Tensor,
    options: TrainingOptions,
    at: tuple[int, int],
) -> UserError:
    """The error for a step whose loss or gradients are NaN or infinite; the step was not taken.

    Args:
        model: in training, with that step's gradients.
        batch: the step's clips.
        criterion: the loss on logits.
        logits: what the head said of them.
        loss: what came of it.
        options: how it trains.
        at: epoch and batch, counted from 1.
    """
    what = _first(model, logits, loss)
    model.zero_grad(set_to_none=True)
    origin = first_non_finite(lambda: loss_of(model.head, model.front_end(batch), batch.labels, criterion)[0])
    name = model.head.name
    told = f"fusion {name!r}, epoch {at[0]}, batch {at[1]}: {what}."
    if origin is not None:
        told += f" {str(origin)[0].upper()}{str(origin)[1:]}."
    if origin is not None and origin.masked_row:
        return UserError(f"{told} {origin.fix[0].upper()}{origin.fix[1:]}. No learning rate helps.")
    look = f"`fusionbench check fusion {name}` looks for the cause."
    if at == (1, 1):
        return UserError(f"{told} No step was taken yet, so no learning rate helps. {look}")
    unclipped = options.clip_norm is None or options.clip_norm > 1
    clip = ", or --set training.clip_norm=1" if unclipped else ""
    return UserError(f"{told} Try a smaller --set training.lr (it is {options.lr:g}){clip}. {look}")


def _first(model: Model, logits: Tensor, loss: Tensor) -> str:
    """Logits come of parameters, the loss of logits, gradients of the loss: the first that is not finite."""
    moved = _named((name, p) for name, p in model.named_parameters())
    if moved:
        return f"the step before left NaN or infinity in {moved}"
    if not torch.isfinite(logits).all():
        return "the logits became NaN or infinite, of parameters that are finite"
    if not torch.isfinite(loss).all():
        return f"the training loss became {loss.item()}, of logits that are finite"
    bad = _named((name, p.grad) for name, p in model.named_parameters() if p.grad is not None)
    if bad:
        return f"the gradients became NaN or infinite, of a loss that is finite: {bad}"
    return "the norm of the gradients overflowed, though each of them is finite"


def _named(tensors: Iterable[tuple[str, Tensor]]) -> str:
    bad = [name for name, tensor in tensors if not torch.isfinite(tensor).all()]
    bad.sort(key=lambda name: name.startswith("front_end."))  # the head's first: it is what is being written
    return ", ".join(bad[:NAMED]) + (f" and {len(bad) - NAMED} more" if len(bad) > NAMED else "")
