"""The command line's words as keyword arguments: what they ask for, and the classes among them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.catalog.in_session import with_classes
from fusionbench.catalog.plugins import RUN_KINDS, Catalog
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError, nearest

WORDS = {
    "fusion": "fusion",
    "relation": "relation",
    "backbone": "backbone",
    "front_end": "front_end",
    "dataset": "dataset",
    "data_root": "data.root",
    "stand_in": "data.stand_in",
    "on_bad_clip": "data.on_bad_clip",
    "epochs": "training.epochs",
    "seed": "seed",
    "fold": "fold",
    "device": "device",
    "threads": "threads",
    "metric": "metric",
}
"""keyword -> the option it sets; the same words as the command line's flags"""


def asked(
    words: Mapping[str, Any], options: Mapping[str, Any] | None, config: str | os.PathLike[str] | None = None
) -> Request:
    """Keywords and options as a request.

    Args:
        words: keyword -> value; None was not given.
        options: dotted key -> value, what ``--set`` takes on the command line.
        config: YAML file of options.

    Raises:
        UserError: an unknown keyword, with the nearest one.
    """
    for word in words:
        if word not in WORDS:
            raise UserError(
                f"unknown argument {word!r}.{nearest(word, WORDS)} Arguments: {', '.join(WORDS)}."
            )
    values = {WORDS[word]: _plain(value) for word, value in words.items() if value is not None}
    origins = {WORDS[word]: f"argument {word}" for word, value in words.items() if value is not None}
    for key, value in (options or {}).items():
        values[key] = value
        origins[key] = "argument set"
    return Request(values, origins, Path(config) if config is not None else None)


def classes_in(values: Sequence[Any]) -> list[type]:
    """The classes among what was given as components."""
    return [value for value in values if isinstance(value, type)]


def catalog_for(classes: Sequence[type]) -> Catalog | None:
    """The installed components and these classes; None where there are none: then the usual one is taken."""
    return with_classes(list(dict.fromkeys(classes))) if classes else None


def _plain(value: Any) -> Any:
    """A class by its name, a path as its text; ``{"name": MyHead, ...}`` likewise."""
    if isinstance(value, type):
        return getattr(value, "name", value.__name__)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return value


def components_of(words: Mapping[str, Any]) -> list[Any]:
    """What was given for the four roles, classes within ``{"name": MyHead}`` too."""
    given = [words[kind] for kind in RUN_KINDS if words.get(kind) is not None]
    return [value.get("name") if isinstance(value, Mapping) else value for value in given]
