"""Which of a dataset's classes a run is about, by whatever spelling a user knows them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from fusionbench.contract.errors import UserError, nearest
from fusionbench.contract.options import Config

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "anger": ("angry", "an", "ang"),
    "disgust": ("disgusted", "di", "dis"),
    "fear": ("fearful", "fe", "fea"),
    "happiness": ("happy", "ha", "hap"),
    "neutral": ("ne", "neu"),
    "sadness": ("sad", "sa"),
    "surprise": ("surprised", "su", "sur"),
}
"""basic expression -> what datasets call it besides"""
EXPRESSION_OF: Mapping[str, str] = {name: name for name in SPELLINGS} | {
    spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings
}
"""spelling in lower case -> basic expression"""


class NamedClasses(Config):
    """The options of a dataset some of whose classes may be left out. Subclass it as its ``Config``."""

    classes: tuple[str, ...] | None = Field(
        None,
        description="classes that are kept, as in [happy, sad]; others are left out; null = all",
    )

    @field_validator("classes", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """``happy,sad`` is a list, too."""
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",")]
        if isinstance(value, list | tuple) and any(isinstance(name, bool | float) for name in value):
            raise PydanticCustomError("classes", "give names of classes, as in [happy, sad]")
        return value


def kept_classes(config: Any, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes that a dataset's options keep, in the dataset's own order; all where they choose none.

    Case, blanks and signs do not matter, and of the basic expressions all spellings are known:
    ``happy``, ``HAP`` and ``happiness`` are one.

    Args:
        config: the dataset's options.
        classes: all that the dataset has.

    Raises:
        UserError: a name means no class or several, or fewer than two are kept.
    """
    asked = getattr(config, "classes", None)
    if asked is None:
        return tuple(classes)
    kept = {named_class(name, classes, "dataset.classes") for name in asked}
    if len(kept) < 2:
        raise UserError(
            f"dataset.classes keeps {', '.join(kept) or 'none'}; at least two are needed. "
            f"Classes: {', '.join(classes)}."
        )
    return tuple(name for name in classes if name in kept)


def named_class(name: str, classes: Sequence[str], where: str) -> str:
    """The one of ``classes`` that a name means, in any spelling.

    Args:
        name: as somebody else spells it.
        classes: the right names.
        where: it was read, for the message.

    Raises:
        UserError: it means none of them, or several.
    """
    if name in classes:
        return name
    found = [known for known in classes if _essence(known) == _essence(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{where}: {name!r} may mean {' or '.join(map(repr, found))}. Write it so.")
    raise UserError(
        f"{where}: no class is called {name!r}.{nearest(name, classes)} Classes: {', '.join(classes)}."
    )


def _essence(name: str) -> str:
    letters = "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())
    return EXPRESSION_OF.get(letters, letters)
