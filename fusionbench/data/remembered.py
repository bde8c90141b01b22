"""What was found of arrays before, by their content: looking through gigabytes is paid for once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from fusionbench.contract.errors import UserError
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.data.findings import Finding

FOLDER = "findings"


def remembered(key: str, look: Callable[[], Sequence[Finding]]) -> list[Finding]:
    """The findings of ``key``, looked for now where they are not in the cache.

    A cache that is damaged or can't be written costs time, nothing else.

    Args:
        key: names content and checks; the same key has the same findings.
        look: looks for them.
    """
    path = cache_root() / FOLDER / f"{key}.json"
    try:
        return [Finding(**plain) for plain in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, RecursionError):
        found = list(look())
    try:
        aside = writable_folder(FOLDER) / f".{key}.{os.getpid()}"
        aside.write_text(json.dumps([finding.plain() for finding in found]), encoding="utf-8")
        aside.replace(path)
    except (OSError, UserError):
        pass
    return found
