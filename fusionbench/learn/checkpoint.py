"""Training state on disk: written aside, renamed, and loaded without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fusionbench.contract.errors import UserError


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """The module's parameters and buffers by name, on the CPU, apart from the module.

    Raises:
        UserError: its state holds something that is no plain tensor.
    """
    kept = {}
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise UserError(
                f"{name!r} of {type(module).__name__} is no plain tensor ({type(value).__name__}) and cannot "
                "be kept: weights files hold nothing else. Register what is learnt as a parameter or buffer."
            )
        kept[name] = value.detach().cpu().contiguous().clone()
    return kept


class Checkpoint:
    """One file that holds where an interrupted fit can go on.

    Args:
        path: the file; its folder exists.
    """

    def __init__(self, path: Path):
        self.path = path

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; a kill in the middle leaves the one before."""
        aside = self.path.with_suffix(".partial")
        torch.save({**state, "torch_rng": torch.get_rng_state(), "cuda_rng": _cuda_rng()}, aside)
        os.replace(aside, self.path)

    def load(self, device: str) -> dict[str, Any] | None:
        """The saved state with the random generators set back, or None where there is none."""
        if not self.path.is_file():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location=device, weights_only=True)
        torch.set_rng_state(state.pop("torch_rng").cpu())
        cuda_rng = [generator.cpu() for generator in state.pop("cuda_rng")]
        if cuda_rng:
            torch.cuda.set_rng_state_all(cuda_rng)
        return state

    def remove(self) -> None:
        """Forget it: the fit is done."""
        self.path.unlink(missing_ok=True)


def _cuda_rng() -> list[Tensor]:
    return torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
