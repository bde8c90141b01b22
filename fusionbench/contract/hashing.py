"""One way to hash a description, so that equal descriptions have equal keys on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical(description: Any) -> str:
    """The one JSON text of a description; two that differ never share it.

    Raises:
        TypeError: it holds what JSON has no form for: a path, a set, a number as a key. As text,
            such a thing would count as equal to another one.
    """
    _refuse_other_keys(description)
    return json.dumps(description, sort_keys=True)


def digest(description: Any) -> str:
    """24 hexadecimal digits for anything JSON can hold as it is; ``canonical`` says what it cannot."""
    return hashlib.sha256(canonical(description).encode()).hexdigest()[:24]


def _refuse_other_keys(description: Any) -> None:
    """JSON would turn the key 1 into "1", and None into "null"."""
    if isinstance(description, Mapping):
        for key, value in description.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is a {type(key).__name__}; only text is hashed as a key")
            _refuse_other_keys(value)
    elif isinstance(description, (list, tuple)):
        for value in description:
            _refuse_other_keys(value)
