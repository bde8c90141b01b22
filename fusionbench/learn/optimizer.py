"""The optimizer of a fit, and its learning rate in each epoch."""

from __future__ import annotations

import inspect
import math

import torch

from fusionbench.catalog.run_config import TrainingOptions
from fusionbench.learn.front_end import Model


class EagerAdamW(torch.optim.AdamW):
    """AdamW without the guards around it that only ``torch.compile`` needs: the same digits.

    Through them the first optimizer of a process imports ``torch._dynamo``, a second and a half, and
    every step is slower. They are decorators, so what they wrap is taken; a guard that is no
    decorator any more stays.
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
    step.hooked = True  # what torch asks before it wraps a step for its profiler


class FusedAdamW(EagerAdamW):
    """AdamW that updates all parameters in one kernel; its last digits are others than `EagerAdamW`'s."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient.

        On a CPU torch's kernel walks both as they lie in memory: a gradient of other strides than its
        parameter would be added to the wrong places, without a word.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is not None and gradient.stride() != parameter.stride():
                    parameter.grad = torch.empty_like(parameter).copy_(gradient)
        super().step(closure)

    step.hooked = True  # type: ignore[attr-defined]  # as above


def make_optimizer(model: Model, options: TrainingOptions) -> torch.optim.Optimizer:
    """Adam with decoupled decay; betas 0.9 and 0.999, eps 1e-8 as the paper states (torch's defaults)."""
    small = {id(p) for p in model.front_end.pretrained()}
    learning = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learning if id(p) not in small], "base_lr": options.lr},
        {"params": [p for p in learning if id(p) in small], "base_lr": options.lr_pretrained},
    ]
    fused = options.optimizer == "adamw_fused"
    return (FusedAdamW if fused else EagerAdamW)(
        [g for g in groups if g["params"]],
        lr=options.lr,
        weight_decay=options.weight_decay,
        fused=fused or None,
    )


def set_learning_rates(optimizer: torch.optim.Optimizer, options: TrainingOptions, epoch: int) -> None:
    """Each group's learning rate in an epoch, counted from 0."""
    factor = 1.0
    if options.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * epoch / options.epochs))
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
