"""Where NaN first arises in a forward and backward pass: the operation, its line, and why."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from fusionbench.contract.blame import is_library, is_own, place

NO_DIVISION_BY_ZERO = "add a small number under each root, logarithm and divisor: frames may all be alike"
_LINE = re.compile(r'File "(.+?)", line (\d+)')


@dataclass(frozen=True)
class Origin:
    """The first operation that made NaN (in the backward pass: NaN or infinity) of finite numbers."""

    operation: str
    """torch's name for it: ``softmax``"""
    where: str
    """``head.py, line 12``, the line of the forward pass; empty where it is unknown"""
    backward: bool
    masked_row: bool
    """True where a row of attention scores is masked as a whole"""

    def __str__(self) -> str:
        line = f" ({self.where})" if self.where else ""
        if self.masked_row:
            return (
                f"a row of the {self.operation}{line} is masked as a whole: a frame that may look at no frame"
            )
        arises = "the gradient of" if self.backward else "NaN first arises in"
        ends = " is the first that is not finite" if self.backward else ""
        return f"{arises} {self.operation}{line}{ends}"

    @property
    def fix(self) -> str:
        """What likely mends it."""
        if self.masked_row:
            return (
                "let every frame look at one frame at least, padded frames too, "
                "or use fb.attend or fb.masked_softmax, which give such rows zeros"
            )
        return NO_DIVISION_BY_ZERO


def first_non_finite(loss: Callable[[], Tensor]) -> Origin | None:
    """Compute a loss and its gradients, watching every operation; slow, for when something is wrong.

    Args:
        loss: computes a scalar that gradients can be taken of. Gradients are added to ``.grad``.

    Returns:
        the first operation that gave NaN though nothing it read was NaN, or None.
    """
    watcher = _Watcher()
    with (
        torch.autograd.set_detect_anomaly(True, check_nan=False),
        watcher,
    ):  # keeps the forward line of each node
        scalar = loss()
        if watcher.origin is None and scalar.requires_grad:
            scalar.backward()
    return watcher.origin


class _Watcher(TorchDispatchMode):
    """Looks at what every operation reads and returns."""

    def __init__(self) -> None:
        super().__init__()
        self.origin: Origin | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        returned = func(*args, **(kwargs or {}))
        if self.origin is None:
            node = torch._C._current_autograd_node()
            # Minus infinity is how scores are masked; in a gradient it means nothing good.
            bad = torch.isnan if node is None else _not_finite
            if _any(bad, returned) and not _any(bad, (args, kwargs)):
                self.origin = Origin(
                    _spoken(func), _line_of(node), node is not None, _has_masked_row(func, args)
                )
        return returned


def _not_finite(x: Tensor) -> Tensor:
    return ~torch.isfinite(x)


def _any(bad: Callable[[Tensor], Tensor], value: Any) -> bool:
    return any(bool(bad(x.detach()).any()) for x in _tensors(value))


def _tensors(value: Any) -> Iterator[Tensor]:
    """Floating tensors in nested arguments."""
    if isinstance(value, Tensor):
        if value.is_floating_point() and value.layout == torch.strided:
            yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))


def _spoken(func: Any) -> str:
    """``aten._softmax_backward_data.default`` -> ``softmax``."""
    name = str(func).split(".")[1].strip("_")
    return re.sub(r"(_backward)?(_data)?$", "", name.removeprefix("scaled_")).strip("_")


def _line_of(node: Any) -> str:
    """The component's line that is being computed, or whose gradient is."""
    if node is not None:
        lines = [_LINE.search(entry) for entry in (node.metadata or {}).get("traceback_", [])]
        found = [(m[1], int(m[2])) for m in lines if m and m[1] in _own_files()]
        return place(*found[-1]) if found else ""
    frame = sys._getframe(2)
    while frame is not None and not is_own(frame):
        frame = frame.f_back  # type: ignore[assignment]
    return place(frame.f_code.co_filename, frame.f_lineno) if frame is not None else ""


def _own_files() -> set[str]:
    """Files of loaded modules that are no library's."""
    own = (module for name, module in list(sys.modules.items()) if not is_library(name))
    return {file for file in (getattr(module, "__file__", None) for module in own) if file}


def _has_masked_row(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether a softmax reads a row of nothing but minus infinity."""
    name = str(func)
    return "softmax" in name and "backward" not in name and bool((args[0] == -torch.inf).all(args[1]).any())
