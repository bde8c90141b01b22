"""Training state on disk: written aside, renamed, and loaded without running code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import reason
from fusionbench.nn.torch_file import TorchFile

T = TypeVar("T")

DAMAGED = ".damaged"
"""ending of a checkpoint that could not be used"""


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
        warn: told where the file is of no use.
    """

    def __init__(self, path: Path, warn: Callable[[str], None] | None = None):
        self.path = path
        self._warn = warn or (lambda message: None)

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; a kill in the middle leaves the one before."""
        aside = self.path.with_suffix(".partial")
        torch.save({**state, "torch_rng": torch.get_rng_state(), "cuda_rng": _cuda_rng()}, aside)
        os.replace(aside, self.path)

    def resume(self, restore: Callable[[dict[str, Any]], T]) -> T | None:
        """What ``restore`` makes of the saved state, with the random generators set back; else None.

        A checkpoint of no use (damaged, or of another model or version) is told and put
        aside as ``.damaged``: training begins anew.

        Args:
            restore: takes the state over, its tensors on the CPU; raises where it does not fit.
        """
        if not os.path.lexists(self.path):
            return None
        try:
            state = TorchFile(self.path).content()
            torch_rng, cuda_rng = state.pop("torch_rng"), list(state.pop("cuda_rng"))
            torch.Generator().set_state(
                torch_rng
            )  # tries it: the model is restored before generators are set
            restored = restore(state)
        except Exception as error:  # whatever a damaged or a foreign file makes torch or the model raise
            self._put_aside(reason(error))
            return None
        torch.set_rng_state(torch_rng)
        if cuda_rng and torch.cuda.is_initialized():
            torch.cuda.set_rng_state_all(cuda_rng)
        return restored

    def remove(self) -> None:
        """Forget it: the fit is done."""
        self.path.unlink(missing_ok=True)

    def _put_aside(self, why: str) -> None:
        aside = self.path.with_name(self.path.name + DAMAGED)
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside)
        os.replace(self.path, aside)
        self._warn(
            f"the checkpoint {self.path} cannot be used: {why}. Training begins anew; "
            f"until it is done the file is kept as {aside.name}."
        )


def _cuda_rng() -> list[Tensor]:
    return torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
