"""``Finding``: one thing about the data that a reader of a number made from them should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    kind: str
    """in a word, for programs: ``outlier``, ``padding``, ``subject leak``"""
    message: str
    """what it is, where, and what to do"""
    wrong: bool = False
    """True where a number would not mean what it seems to; else it is merely told"""

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
