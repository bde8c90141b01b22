"""Names of files that any file system takes, made of names that data bring."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 60


def distinct_names(names: Sequence[str]) -> list[str]:
    """One a name, none like another, whatever letters and case a file system tells apart."""
    made: list[str] = []
    for number, name in enumerate(names, 1):
        plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:_LONGEST].strip("-.")
        made.append(plain if plain and plain not in made else f"{plain}-{number}".strip("-"))
    return made
