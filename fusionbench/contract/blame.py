"""An error in a component's own code is told as that component's: where it arose, what likely mends it."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable
from pathlib import PurePath
from types import FrameType, TracebackType

from fusionbench.contract.errors import FusionBenchError, UserError

_LIBRARIES = {"fusionbench", "einops", "numpy", "pydantic", "pydantic_core", "scipy", "sklearn", "torch"}
"""packages whose lines say less than the line of the component that called them"""

IN_PLACE = (
    "write x = x + y where x += y, x[...] = y or a method that ends in _ changes a tensor in place; "
    "start from x.clone() where parts are filled in"
)
MODULE_LIST = "keep one module a stream in an nn.ModuleList, in the order of spec.dims"

_REMEDIES = (
    (r"before Module\.__init__\(\) call", "call super().__init__() first in __init__"),
    (
        r"has no attribute '_(modules|parameters|buffers|(forward|backward)_\w+|non_persistent_\w+)'",
        "call super().__init__() first in __init__",
    ),
    (r"(modified by an inplace|is being used in an in-place) operation", IN_PLACE),
    (
        r"backward through the graph a second time",
        "detach() what is kept from one batch for the next, or keep nothing: its graph is gone",
    ),
    (
        r"Inference tensors cannot be saved for backward",
        "use nothing in training that an evaluation computed: compute it anew, or register it as a buffer",
    ),
    (
        r"Expected more than 1 value per channel when training",
        "normalise with nn.LayerNorm: an epoch's last batch may hold a single clip",
    ),
    (r"enforce_sorted", "pass enforce_sorted=False: clips come in any order"),
    (
        r"Expected all tensors to be on the same device",
        "make tensors on the device of what comes in, or register them as buffers",
    ),
)


# A class and no generator: it is entered at every training step, and of a light one a generator took 2 %.
class blaming:
    """Tell what the component's code raises as that component's.

    Args:
        component: its class, or an object of it.
        method: what is asked of it; its constructor is ``__init__``.
        streams: names of the streams at hand, for errors that are about one of them.

    Raises:
        UserError: names class, method, exception and place, and what likely mends it. Errors
            that are told already pass as they are.
    """

    __slots__ = ("_component", "_method", "_streams")

    def __init__(self, component: object, method: str, streams: Iterable[str] = ()):
        self._component = component
        self._method = method
        self._streams = streams

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, FusionBenchError):
            return  # a stranger's code may raise anything else
        cls = self._component if isinstance(self._component, type) else type(self._component)
        likely = remedy(error, self._streams)
        fix = f" Likely fix: {likely}." if likely else ""
        raise UserError(
            f"{cls.__name__}.{self._method} {raised(error)}.{fix} `--debug` shows all of it."
        ) from error


def raised(error: BaseException) -> str:
    """An error in one line, with the place in the component's own code."""
    line = where(error)
    return f"raised {type(error).__name__}: {' '.join(str(error).split())}{f' ({line})' if line else ''}"


def where(error: BaseException) -> str:
    """The last line of a component's own that an error passed: ``head.py, line 12``, or an empty string."""
    passed = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if is_own(frame)
    ]
    return place(*passed[-1]) if passed else ""


def is_own(frame: FrameType) -> bool:
    """Whether a frame is of a component's code, and not of a library or of this package."""
    return not is_library(str(frame.f_globals.get("__name__", "")))


def is_library(module: str) -> bool:
    """Whether a module's name is of a library, of Python itself or of this package."""
    package = module.partition(".")[0]
    return package in _LIBRARIES or package in sys.stdlib_module_names


def place(file: str, line: int) -> str:
    """``head.py, line 12``."""
    return f"{PurePath(file).name}, line {line}"


def remedy(error: BaseException, streams: Iterable[str] = ()) -> str:
    """What likely mends an error whose cause can be told from its words; empty where it cannot.

    Args:
        error: what was raised.
        streams: names of the streams at hand.
    """
    text, names = str(error), tuple(streams)
    taken = re.search(r"attribute '(.+?)' already exists", text)
    if taken and isinstance(error, KeyError):
        name = taken[1]
        who = f"a stream is called {name!r}" if name in names else f"a stream may be called {name!r}"
        return f"{who}, and modules have an attribute of that name: {MODULE_LIST}"
    if isinstance(error, KeyError) and names and error.args and isinstance(error.args[0], str):
        return (
            f"there is no {error.args[0]!r} among the streams {', '.join(names)}: "
            "take names from spec.dims, or let supports() say what is needed"
        )
    return next((fix for pattern, fix in _REMEDIES if re.search(pattern, text)), "")
