"""Names of classes and subjects: their order, and those that only look different."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Different labels, sorted: as numbers where all are numbers (2 before 10), else as text."""
    different = sorted(set(labels))
    numbers = [_number(label) for label in different]
    if any(number is None for number in numbers):
        return tuple(different)
    return tuple(label for _, label in sorted(zip(numbers, different, strict=True)))


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ only by case, blanks, the form of a letter or the digits of a number."""
    groups: dict[object, list[str]] = {}
    for name in sorted(set(names)):
        groups.setdefault(_essence(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _essence(name: str) -> object:
    number = _number(name)
    if number is not None:
        return number
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _number(text: str) -> float | None:
    if "_" in text:  # Python reads 1_000 as a number; people do not write labels so
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
