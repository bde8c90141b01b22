"""How far a fit is: its history, the times it took, and its best epoch so far."""

from __future__ import annotations

import copy
import math
from typing import Any

from torch import Tensor, nn

from fusionbench.learn.front_end import Model


class Progress:
    """History, wall times, and the best epoch so far with its weights."""

    def __init__(self, model: Model):
        self._model = model
        self.history: list[dict[str, float]] = []
        self.seconds: list[float] = []
        self.best_epoch = 0
        self.best = (-math.inf, -math.inf)
        self.best_state: dict[str, Tensor] = {}

    def add(self, metrics: dict[str, float], headline: float, loss: float) -> None:
        self.history.append(metrics)
        if (headline, -loss) > self.best:
            self.best = (headline, -loss)
            self.best_epoch = len(self.history)
            self.best_state = snapshot(self._model)

    def state(self) -> dict[str, Any]:
        kept = ("history", "seconds", "best_epoch", "best", "best_state")
        return {name: getattr(self, name) for name in kept}

    def restore(self, state: dict[str, Any], epochs: int) -> None:
        """Take over what a checkpoint holds.

        Raises:
            ValueError: it holds no history of at most ``epochs`` epochs.
        """
        for name in self.state():
            setattr(self, name, state.get(name, getattr(self, name)))  # older checkpoints hold no times
        numbers = [value for epoch in self.history for value in epoch.values()]
        if not 1 <= self.best_epoch <= len(self.history) <= epochs or not all(map(_is_number, numbers)):
            raise ValueError(f"its history of {len(self.history)} epochs is not one of this run")
        self.best = (float(self.best[0]), float(self.best[1]))
        self.seconds = [float(second) for second in self.seconds]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def snapshot(model: nn.Module) -> dict[str, Any]:
    """A model's parameters and buffers as they are now."""
    state = model.state_dict()
    return {name: v.clone() if isinstance(v, Tensor) else copy.deepcopy(v) for name, v in state.items()}
