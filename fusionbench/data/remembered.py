"""What was made of data before, by what it was made from: in the cache, so that it is paid for once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fusionbench.contract.errors import UserError
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.data.findings import Finding

FINDINGS = "findings"
"""folder of the cache with what was found in arrays: looking through gigabytes takes minutes"""
T = TypeVar("T")


def remembered(key: str, look: Callable[[], Sequence[Finding]]) -> list[Finding]:
    """The findings of ``key``, looked for now where they are not in the cache.

    Args:
        key: names content and checks; the same key has the same findings.
        look: looks for them.
    """
    plain = recalled(
        FINDINGS,
        key,
        lambda: [finding.plain() for finding in look()],
        lambda kept: [Finding(**f) for f in kept],
    )
    return [Finding(**finding) for finding in plain]


def recalled(folder: str, key: str, make: Callable[[], T], check: Callable[[Any], object]) -> T:
    """What ``make`` gives for ``key``, from the cache where it is there.

    A cache that is damaged or can't be written costs time, nothing else.

    Args:
        folder: of the cache.
        key: names all that it is made from; the same key makes the same.
        make: gives something that JSON holds as it is.
        check: raises a ValueError or TypeError where it is handed something else.
    """
    path = cache_root() / folder / f"{key}.json"
    try:
        kept: T = json.loads(path.read_text(encoding="utf-8"))
        check(kept)
        return kept
    except (OSError, ValueError, TypeError, RecursionError):
        made = make()
    try:
        aside = writable_folder(folder) / f".{key}.{os.getpid()}"
        aside.write_text(json.dumps(made), encoding="utf-8")
        aside.replace(path)
    except (OSError, UserError):
        pass
    return made
