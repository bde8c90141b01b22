"""Weights from files: read what others released, and load it whole or not at all."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import MEGABYTE, Unreadable, open_regular, reading
from fusionbench.nn.pickled_tensors import is_foreign
from fusionbench.nn.torch_file import TorchFile

_PICKLED = (".pth", ".pt", ".bin", ".ckpt", ".tar")
_WRAPPERS = ("state_dict_backbone", "state_dict", "model_state_dict", "model", "net")
"""where training scripts keep the network beside the epoch and the optimizer"""
_TRAINING = ("optim", "sched", "scaler", "callbacks", "loops", "rng")
"""in names of what scripts save beside the network; an optimizer's state holds tensors, too"""
_DEEPEST = 8
"""levels of a checkpoint that are looked through"""
_PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.")
"""what DataParallel, torch.compile and wrapper classes put before every key"""
_SPECIAL = {
    "sparse_tensor": "sparse tensors",
    "sparse_csr_tensor": "sparse tensors",
    "nested_tensor": "nested tensors",
    "qtensor": "quantised tensors",
    "meta_tensor_no_storage": "tensors without values (meta)",
    "wrapper_subclass": "tensors of another library",
}
"""end of torch's function -> what it rebuilds"""
_COUNTER = "num_batches_tracked"
"""files older than torch 0.4.1 lack it, and nothing reads it while a momentum is set"""


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a weights file by name, on the CPU, as the network itself names them.

    Training checkpoints are opened: the state dict is found under ``state_dict``,
    ``model`` and the like, or wherever else the only one lies, and a prefix that every
    key carries (``module.``, ...) is taken off. What such scripts save beside it
    (options, numpy values, paths) is passed over. Nothing that is loaded can run code:
    a file that names anything else is refused by that name.

    Args:
        path: a ``.safetensors`` file, or a ``.pth``, ``.pt``, ``.bin``, ``.ckpt`` or ``.tar``
            written by ``torch.save``.

    Raises:
        UserError: no such file, another kind of file, a damaged one, or one that
            holds more than tensors.
    """
    path = Path(path).expanduser()
    if not os.path.lexists(path):
        raise UserError(f"weights not found: no file at {path}. Give the path of a file you downloaded.")
    with reading("weights", path, "Where the file is damaged, get it again."):
        if path.suffix == ".safetensors":
            with open_regular(path):
                return _without_prefix(_checked(load_file(path), path))
        if path.suffix in _PICKLED:
            return _without_prefix(_checked(_unwrap(_read_pickled(path), path), path))
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
        UserError: names every key that is missing, unexpected, of another shape or kind of
            number, or that holds NaN.
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
    mistyped = [
        f"{k} {found[k].dtype} for {wanted[k].dtype}"
        for k in wanted
        if k in found and found[k].is_floating_point() != wanted[k].is_floating_point()
    ]
    problems = {
        "missing": missing,
        "unexpected": unexpected,
        "of another shape": misshapen,
        "of another kind of number": mistyped,
    }
    if any(problems.values()):
        listed = "; ".join(f"{len(v)} {what}: {_some(v)}" for what, v in problems.items() if v)
        raise UserError(
            f"weights {path} do not fit {type(module).__name__}: {listed}. "
            f"The file holds {len(found)} entries, the network {len(wanted)}; "
            "check that the file was made for this network."
        )
    learnt = {name for name, _ in module.named_parameters()}  # a mask among the buffers may be infinite
    broken = [k for k in wanted if k in found and _is_broken(found[k], infinite=k in learnt)]
    if broken:
        raise UserError(
            f"weights {path}: {len(broken)} of {len(found)} entries hold NaN or infinite values: "
            f"{_some(broken)}. The training that made them diverged, or the file is damaged; use another."
        )
    module.load_state_dict(found, strict=False)  # strict was done above, but for the counters
    return [parameter for name, parameter in module.named_parameters() if name in found]


def _is_broken(tensor: Tensor, *, infinite: bool) -> bool:
    """Whether a tensor, brought to float32, holds NaN or, where that counts, an infinite value."""
    if not tensor.is_floating_point():
        return False
    values = tensor.float()
    return bool(values.isnan().any() or (infinite and values.isinf().any()))


def _read_pickled(path: Path) -> object:
    file = TorchFile(path)
    names = ["TorchScript"] if file.script else [name for name in file.names() if is_foreign(name)]
    special = next((_SPECIAL[name.rpartition("_rebuild_")[2]] for name in names if _is_special(name)), None)
    if special:
        raise UserError(f"weights {path}: it holds {special}. Save plain dense tensors of numbers instead.")
    if names:
        raise UserError(
            f"weights {path}: a pickled {_some(names)}; unpickling it would run code from the file, so "
            "nothing of it was loaded. Its tensors can be taken out without running anything; all else is "
            f"left out and named: {extraction_command(path)}"
        )
    return file.content()


def _is_special(name: str) -> bool:
    return name.startswith("torch._utils._rebuild_") and name.rpartition("_rebuild_")[2] in _SPECIAL


def extraction_command(path: Path) -> str:
    """The command that takes the tensors out of a file that names what is unknown here."""
    target = f"{path.name.partition('.')[0]}_tensors.pt"
    code = "from fusionbench.nn.extraction import main; main()"
    return f'python -c "{code}" {shlex.quote(str(path))} {shlex.quote(target)}'


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict inside whatever a training script saved around it."""
    for _ in range(_DEEPEST):
        if not isinstance(content, dict) or _is_state_dict(content):
            break
        inner = next((key for key in _WRAPPERS if isinstance(content.get(key), dict)), None)
        if inner is None:
            break
        content = content[inner]
    found = dict(_state_dicts(content, "", set()))
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise UserError(
            f"weights {path}: it holds several state dicts: {_some(list(found))}. "
            "Save the one you want into a file of its own."
        )
    held = _some(list(map(str, content))) if isinstance(content, dict) else type(content).__name__
    raise UserError(
        f"weights {path}: no state dict found in it, only {held or 'an empty mapping'}. "
        f"Allowed: names to tensors, plain or under one of {', '.join(_WRAPPERS)}."
    )


def _is_state_dict(content: object) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def _state_dicts(content: object, place: str, seen: set[int]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Place and state dict of every one below, but for what belongs to the training."""
    if id(content) in seen or place.count(".") > _DEEPEST:
        return
    seen.add(id(content))
    if _is_state_dict(content):
        yield place, dict(content)  # type: ignore[call-overload]
        return
    items: Iterable[tuple[object, object]] = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, (list, tuple)):
        items = enumerate(content)
    for key, value in items:
        if isinstance(value, (dict, list, tuple)) and not any(word in str(key) for word in _TRAINING):
            yield from _state_dicts(value, f"{place}.{key}".lstrip("."), seen)


def _checked(weights: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The same, if each is a plain tensor of numbers of a size that the file can hold."""
    most = 4 * path.stat().st_size + 64 * MEGABYTE
    for name, tensor in weights.items():
        if tensor.is_complex():
            raise UserError(f"weights {path}: {name} holds complex numbers. Save real ones.")
        if tensor.numel() * tensor.element_size() > most:
            raise Unreadable(f"{name} claims to be {tuple(tensor.shape)}, far more than the file holds")
    return weights


def _without_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if weights and all(key.startswith(prefix) for key in weights):
            return _without_prefix({key.removeprefix(prefix): value for key, value in weights.items()})
    return weights


def _some(names: list[str], most: int = 6) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
