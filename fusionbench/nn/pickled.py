"""Pickles, with nothing of theirs run: what one would import, and a reader that imports none of it.

A pickle names the functions and classes it wants called. Whoever reads one here gives
the reader what it may have instead of them; any other name ends the reading.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

from fusionbench.contract.reading import Unreadable

Known = Callable[[str], Any]
"""``module.name`` -> what a pickle gets that asks for it; None refuses it"""


def names_in(pickled: bytes | BinaryIO) -> set[str]:
    """``module.name`` of everything that one pickle would import, found without loading it.

    Raises:
        Exception: of any kind, where it is no pickle.
    """
    names: set[str] = set()
    texts: list[str] = []
    """the last ones: protocol 4 puts module and name on the stack"""
    memo: dict[int, str] = {}
    argument: Any
    for count, (code, argument, _) in enumerate(pickletools.genops(pickled)):
        if code.name in ("GLOBAL", "INST"):
            names.add(argument.replace(" ", "."))
        elif code.name == "STACK_GLOBAL":
            names.add(".".join(texts[-2:]))
        elif code.name.startswith("EXT"):
            names.add(f"copyreg extension {argument}")
        elif "GET" in code.name:
            texts.append(memo.get(int(argument), ""))
        elif code.name == "MEMOIZE" or "PUT" in code.name:
            place = len(memo) if argument is None else int(argument)
            if place > count:  # the unpickler would make room for all up to it
                raise Unreadable(f"its pickle asks for a memory of {place:,} entries")
            memo[place] = texts[-1] if texts else ""
        elif isinstance(argument, str):
            texts.append(argument)
    return names


class Unpickler(pickle.Unpickler):
    """Gives a pickle what it is known to be allowed, and nothing else.

    Args:
        file: where the pickle begins.
        known: what stands for a name.
        encoding: of the texts of Python 2.
    """

    def __init__(self, file: BinaryIO, known: Known, encoding: str = "utf-8"):
        super().__init__(file, encoding=encoding)
        self._known = known

    def find_class(self, module: str, name: str) -> Any:
        found = self._known(f"{module}.{name}")
        if found is None:
            raise Unreadable(f"it names {module}.{name}")
        return _one_off(found)

    def persistent_load(self, pid: Any) -> Any:
        raise Unreadable("it refers to objects that it does not hold (persistent ids)")


class _Call:
    """A function that a pickle may call. Whatever it sets on this is gone with it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _one_off(found: Any) -> Any:
    """The same for this one use: a pickle may set attributes of whatever it gets."""
    if isinstance(found, type):
        module = found.__module__
        return type(found.__name__, (found,), {}) if module.startswith("fusionbench.") else found
    return _Call(found) if callable(found) else found
