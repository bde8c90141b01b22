"""Weights from files: read what others released, and load it whole or not at all."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fusionbench.contract.errors import UserError

_PICKLED = (".pth", ".pt", ".bin", ".ckpt", ".tar")
_WRAPPERS = ("state_dict_backbone", "state_dict", "model_state_dict", "model", "net")
"""where training scripts keep the network beside the epoch and the optimizer"""
_PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.")
"""what DataParallel, torch.compile and wrapper classes put before every key"""
_COUNTER = "num_batches_tracked"
"""files older than torch 0.4.1 lack it, and nothing reads it while a momentum is set"""


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a weights file by name, on the CPU, as the network itself names them.

    Nested checkpoints (``state_dict``, ``state_dict_backbone``, ``model``, ...) are
    opened, and a prefix that every key carries (``module.``, ...) is taken off.
    Nothing that is loaded can run code: a pickled module is refused.

    Args:
        path: a ``.safetensors`` file, or a ``.pth``, ``.pt``, ``.bin``, ``.ckpt`` or ``.tar``
            written by ``torch.save``.

    Raises:
        UserError: no such file, another kind of file, a damaged one, or one that
            holds more than tensors.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"weights not found: no file at {path}. Give the path of a file you downloaded.")
    if path.suffix == ".safetensors":
        return _without_prefix(_read_safetensors(path))
    if path.suffix in _PICKLED:
        return _without_prefix(_unwrap(_read_pickled(path), path))
    raise UserError(
        f"weights {path}: unknown kind of file {path.suffix!r}. "
        f"Allowed: .safetensors, {', '.join(_PICKLED)} (written by torch.save)."
    )


def load_weights(
    module: nn.Module,
    path: str | Path,
    *,
    ignore: Iterable[str] = (),
    adapt: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> list[nn.Parameter]:
    """Copy a file's weights into a module: every key of both, or an error and no change.

    Args:
        module: the network, with the names the file uses.
        path: what ``read_weights`` reads.
        ignore: patterns (``logits.*``) of keys that may be absent on either side and are
            not copied: what is not asked for here is never skipped.
        adapt: changes or refuses what was read before it is matched.

    Returns:
        The module's parameters that came from the file, for ``pretrained()``.

    Raises:
        UserError: names every key that is missing, unexpected or of another shape.
    """
    patterns = tuple(ignore)

    def ignored(key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in patterns)

    found = read_weights(path)
    found = {k: v for k, v in (adapt(found) if adapt else found).items() if not ignored(k)}
    wanted = {k: v for k, v in module.state_dict().items() if not ignored(k)}
    missing = [k for k in wanted if k not in found and not k.endswith(_COUNTER)]
    unexpected = [k for k in found if k not in wanted]
    misshapen = [
        f"{k} {tuple(found[k].shape)} for {tuple(wanted[k].shape)}"
        for k in wanted
        if k in found and found[k].shape != wanted[k].shape
    ]
    problems = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    if any(problems.values()):
        listed = "; ".join(f"{len(v)} {what}: {_some(v)}" for what, v in problems.items() if v)
        raise UserError(
            f"weights {path} do not fit {type(module).__name__}: {listed}. "
            f"The file holds {len(found)} entries, the network {len(wanted)}; "
            "check that the file was made for this network."
        )
    module.load_state_dict(found, strict=False)  # strict was done above, but for the counters
    return [parameter for name, parameter in module.named_parameters() if name in found]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"weights {path}: damaged safetensors file ({error}). Get it again.") from error


def _read_pickled(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        held = re.search(r"GLOBAL ([\w.]+)", str(error))
        if held is None:
            raise UserError(f"weights {path}: not a file that torch.save wrote. Get it again.") from error
        raise UserError(
            f"weights {path}: a pickled {held[1]}, not a state dict; unpickling it would run code "
            "from the file. If you trust its source, convert it once where its library is installed: "
            "python -c \"import sys, torch; torch.save(torch.load(sys.argv[1], map_location='cpu', "
            f'weights_only=False).state_dict(), sys.argv[2])" {path} {path.stem}_state_dict.pt'
        ) from error
    except (RuntimeError, EOFError) as error:
        raise UserError(f"weights {path}: damaged file ({error}). Get it again.") from error


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict inside whatever a training script saved around it."""
    while isinstance(content, Mapping):
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return dict(content)
        inner = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = content[inner]
    held = _some(list(map(str, content))) if isinstance(content, Mapping) else type(content).__name__
    raise UserError(
        f"weights {path}: no state dict found in it, only {held or 'an empty mapping'}. "
        f"Allowed: names to tensors, plain or under one of {', '.join(_WRAPPERS)}."
    )


def _without_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if weights and all(key.startswith(prefix) for key in weights):
            return _without_prefix({key.removeprefix(prefix): value for key, value in weights.items()})
    return weights


def _some(names: list[str], most: int = 6) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
