"""Tensors out of pickles, with nothing of theirs run.

Tensors are put together by this module, and what is known to be harmless and of no
interest (``argparse.Namespace``, numpy scalars) becomes a ``Foreign``. Any other name
ends the reading before it has begun.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, BinaryIO

import torch
from torch import Tensor

from fusionbench.contract.reading import Unreadable
from fusionbench.nn.pickled import Unpickler

_HARMLESS = (
    "argparse.Namespace",
    "builtins.bytearray builtins.complex builtins.object builtins.range builtins.slice",
    "__builtin__.bytearray __builtin__.complex __builtin__.object __builtin__.xrange __builtin__.slice",
    "_codecs.encode copyreg._reconstructor copy_reg._reconstructor",
    "collections.Counter collections.deque",
    "datetime.date datetime.datetime datetime.time datetime.timedelta datetime.timezone",
    "pathlib.*Path pathlib._local.*Path",
    "decimal.Decimal fractions.Fraction uuid.UUID typing.Any",
    "numpy.dtype numpy.ndarray numpy.bool_ numpy.*int* numpy.float* numpy.dtypes.*",
    "numpy.core.multiarray.scalar numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer",
    "omegaconf.* easydict.EasyDict yacs.config.CfgNode addict.*.Dict box.*.Box munch.*Munch",
    "ml_collections.config_dict.config_dict.*ConfigDict",
    "lightning*.AttributeDict pytorch_lightning.*.AttributeDict",
    "torch.Tensor torch.device torch.layout torch.memory_format torch.Generator torch.strided",
    "torch.nn.parameter.Parameter torch.nn.parameter.Buffer",
    "torch.serialization._get_layout torch.utils.hooks.unserialize_backward_hook",
)
_HARMLESS_PATTERNS = tuple(pattern for line in _HARMLESS for pattern in line.split())


_STORAGES = {
    "torch.storage.UntypedStorage": torch.uint8,
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.ComplexDoubleStorage": torch.complex128,
}


class Foreign(dict):
    """Stands for an object of another's class: takes whatever a pickle does to it, and runs nothing."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__()
        self.state: dict[str, Any] = {}
        """its attributes"""

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def append(self, item: Any) -> None:
        """As of a list; dropped."""

    extend = add = append
    __hash__ = object.__hash__  # type: ignore[assignment]


def is_foreign(name: str) -> bool:
    """Whether a file that names this cannot be read here."""
    return name not in _BUILT and _dtype(name) is None and not _is_harmless(name)


def _is_harmless(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _HARMLESS_PATTERNS)


def _dtype(name: str) -> torch.dtype | None:
    """``torch.float32`` or ``torch.FloatStorage`` as the type of elements."""
    module, _, short = name.rpartition(".")
    found = getattr(torch, short, None) if module == "torch" else None
    return found if isinstance(found, torch.dtype) else _STORAGES.get(name)


def _tensor(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: Any) -> Tensor:
    """A tensor that looks at a storage; torch refuses one that would look beyond it."""
    given = rest[2] if len(rest) > 2 and isinstance(rest[2], torch.dtype) else storage.dtype
    return torch.empty(0, dtype=given).set_(storage.bytes, offset, tuple(size), tuple(stride))


def _parameter(data: Any, *rest: Any) -> Any:
    return data


def _from_type(build: Callable[..., Any], kind: Any, arguments: tuple[Any, ...], state: Any) -> Any:
    """A tensor with attributes of its own, which are dropped."""
    return build(*arguments)


_BUILT: Mapping[str, Any] = {
    "collections.OrderedDict": collections.OrderedDict,
    "collections.defaultdict": lambda *arguments: {},
    "builtins.dict": dict,
    "builtins.list": list,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "__builtin__.dict": dict,
    "__builtin__.list": list,
    "__builtin__.set": set,
    "__builtin__.frozenset": frozenset,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _from_type,
}
"""what is built, and by what of this module"""


class _Storage:
    """The bytes of one storage and the type of its elements."""

    def __init__(self, content: torch.UntypedStorage, dtype: torch.dtype):
        self.bytes, self.dtype = content, dtype


FindStorage = Callable[[str, int], torch.UntypedStorage]
"""key and bytes wanted -> the storage"""


class TensorUnpickler(Unpickler):
    """Knows the names of this module and no other.

    Args:
        file: where the pickle begins.
        find_storage: gives the bytes that tensors look at.
        foreign: make a ``Foreign`` of every unknown name, instead of refusing it.
    """

    def __init__(self, file: BinaryIO, find_storage: FindStorage, foreign: bool = False):
        super().__init__(file, self._stand_in)
        self._find_storage, self._foreign = find_storage, foreign

    def _stand_in(self, name: str) -> Any:
        if name in _BUILT:
            return _BUILT[name]
        dtype = _dtype(name)
        if dtype is not None:
            return dtype
        return Foreign if self._foreign or _is_harmless(name) else None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, elements, *view = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or elements < 0 or (view and view[0]):
            raise Unreadable("it holds a storage of an unknown kind")
        return _Storage(self._find_storage(str(key), elements * dtype.itemsize), dtype)
