"""What every network is held to, whatever its role: its state can be saved, its parameters are its own."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from fusionbench.contract.checks.findings import Broken, difference, differs, percent

Network = TypeVar("Network", bound=nn.Module)


def keeps_outputs_when_saved(
    module: Network, new: Callable[[], Network], outputs: Callable[[Network], Tensor]
) -> None:
    """Save a module's state, load it into a new module, compare their outputs.

    Args:
        module: in the state to be saved.
        new: builds another one, with other random weights.
        outputs: asks a module for what has to be the same.

    Raises:
        Broken: the outputs differ.
    """
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise Broken(f"{name!r} is {type(value).__name__}; expected tensors, weights files hold no more")
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    restored = new()
    restored.load_state_dict(torch.load(file, weights_only=True))
    found, expected = outputs(restored), outputs(module)
    if differs(found, expected):
        plain = plain_tensors(module)
        hint = f" (not in the state: {', '.join(plain)})" if plain else ""
        raise Broken(
            f"a new one with the saved state gives outputs that are {percent(difference(found, expected))} "
            f"off{hint}; expected the same"
        )


def plain_tensors(module: nn.Module) -> list[str]:
    """Names of attributes that hold tensors and are neither parameters nor buffers."""
    return [
        f"{path}.{name}".lstrip(".")
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if isinstance(value, Tensor)
    ]


def gives_the_same_twice(outputs: Callable[[], Tensor]) -> None:
    """Ask twice, with other random numbers.

    Raises:
        Broken: the digits differ.
    """
    first = outputs()
    torch.rand(1)  # the second call finds the generator elsewhere
    second = outputs()
    if not torch.equal(first, second):
        raise Broken(
            f"the same input twice in eval mode: the outputs moved by {percent(difference(second, first))}; "
            "expected the same digits"
        )


def without_gradient(module: nn.Module) -> list[str]:
    """Names of learning parameters that the last backward pass did not reach."""
    return [name for name, p in module.named_parameters() if p.requires_grad and p.grad is None]


def refuse_unreached(unreached: list[str], where: str) -> None:
    """Name parameters that get no gradient.

    Raises:
        Broken: there are some.
    """
    if unreached:
        named = ", ".join(unreached[:4]) + (", ..." if len(unreached) > 4 else "")
        raise Broken(f"{len(unreached)} parameter(s) get no gradient{where}: {named}")


def pretrained_are_own(module: Any) -> None:
    """``pretrained()`` names the module's own parameters, in a copy of it those of the copy.

    Raises:
        Broken: it does not.
    """
    if not module.pretrained():
        return
    for made, what in ((module, "the module"), (copy.deepcopy(module), "a deep copy of it")):
        own = {id(p) for p in made.parameters()}
        strange = [p for p in made.pretrained() if id(p) not in own]
        if strange:
            raise Broken(f"{len(strange)} of the parameters in pretrained() of {what} are not its own")
