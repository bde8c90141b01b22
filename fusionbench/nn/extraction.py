"""Takes the tensors out of a checkpoint that holds foreign objects, without running anything of theirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import reading
from fusionbench.nn.pickled_tensors import Foreign, is_foreign
from fusionbench.nn.torch_file import TorchFile


def extract(source: Path, target: Path) -> list[str]:
    """Write the tensors of a file of ``torch.save``, under the names they have in it.

    A pickled module gives its state dict: its parameters and the buffers it would save.

    Args:
        source: what ``torch.save`` or ``torch.jit.save`` wrote.
        target: a new file, read by ``fusionbench.read_weights``.

    Returns:
        The names of what was left out.

    Raises:
        UserError: the source cannot be read or holds no tensor, or the target exists.
    """
    if target.exists():
        raise UserError(f"{target} exists; nothing was written. Name a new file.")
    with reading("weights", source, "Get it again."):
        file = TorchFile(source)
        left_out = [name for name in file.names() if is_foreign(name)]
        content = _Plain(flat=file.script).of(file.content(foreign=True))
    if not content:
        raise UserError(f"weights {source}: no tensor found in it; nothing was written.")
    aside = target.with_name(f"{target.name}.partial-{os.getpid()}")
    torch.save(content, aside)
    os.replace(aside, target)
    return left_out


class _Plain:
    """Nested mappings of tensors from what was unpickled; what holds no tensor is dropped.

    Args:
        flat: join the names of nested objects by dots, as a state dict has them.
    """

    def __init__(self, flat: bool):
        self._flat = flat
        self._known: dict[int, Any] = {}
        """by id: objects may be shared, and may hold themselves"""

    def of(self, value: Any) -> Any:
        """A tensor, a mapping, or None."""
        if isinstance(value, Tensor):
            return value
        if id(value) not in self._known:
            self._known[id(value)] = None
            self._known[id(value)] = self._opened(value)
        return self._known[id(value)]

    def _opened(self, value: Any) -> Any:
        if isinstance(value, Foreign):
            if "_modules" in value.state:
                return self._module(value.state)
            inner = self._mapping({**value.state, **value})
            return _joined(inner) if self._flat and inner else inner
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return self._mapping(dict(enumerate(value)))
        return None

    def _mapping(self, value: dict[Any, Any]) -> dict[str, Any] | None:
        opened = {str(key): self.of(item) for key, item in value.items()}
        return {key: item for key, item in opened.items() if item is not None} or None

    def _module(self, state: dict[str, Any]) -> dict[str, Tensor] | None:
        passing = state.get("_non_persistent_buffers_set") or ()
        buffers = {k: v for k, v in state.get("_buffers", {}).items() if k not in passing}
        own = {k: v for k, v in {**state.get("_parameters", {}), **buffers}.items() if isinstance(v, Tensor)}
        inner = {name: self.of(module) for name, module in state["_modules"].items()}
        return {**own, **_joined({k: v for k, v in inner.items() if v is not None})} or None


def _joined(tree: dict[str, Any]) -> dict[str, Tensor]:
    """Nested names to dotted ones."""
    flat: dict[str, Tensor] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{name}": tensor for name, tensor in _joined(value).items()})
        else:
            flat[key] = value
    return flat


def main() -> None:
    """``SOURCE TARGET`` from the command line."""
    if len(sys.argv) != 3:
        sys.exit("give two files: the checkpoint, and a new one for its tensors")
    source, target = map(Path, sys.argv[1:])
    try:
        left_out = extract(source, target)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {target}; left out: {', '.join(left_out) or 'nothing'}")
