"""What was verified of stores, remembered in the cache by the size and the times of their files."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from fusionbench.contract.hashing import digest
from fusionbench.data.cache import cache_root
from fusionbench.data.reading import read_text

Snapshot = Mapping[str, list[int]]
"""file name -> size, times of the last change of its content and of its entry (ns), inode"""

YOUNG_NS = 2_000_000_000
"""file systems tell times in steps of up to two seconds: a younger file may change and keep its times"""


def snapshot(files: Iterable[BinaryIO]) -> Snapshot:
    """What tells, without reading them, that open files are still the same."""
    found = {Path(file.name).name: os.fstat(file.fileno()) for file in files}
    return {name: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in found.items()}


def is_remembered(folder: Path, content_hash: str, seen: Snapshot) -> bool:
    """Whether the files were verified as they are now, for this very hash."""
    try:
        known = json.loads(read_text(_file(folder)))
    except (OSError, ValueError, RecursionError):
        return False
    return known == {"store": _name(folder), "content_hash": content_hash, "files": seen}


def remember(folder: Path, content_hash: str, seen: Snapshot, began_ns: int) -> None:
    """Keep that the files ``seen`` before the verification that began at ``began_ns`` have this hash.

    Where the cache cannot be written, or a file is too young, nothing is kept: the
    store is verified again when it is next opened.
    """
    if any(max(modified, changed) > began_ns - YOUNG_NS for _, modified, changed, _ in seen.values()):
        return
    file = _file(folder)
    aside = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    known = {"store": _name(folder), "content_hash": content_hash, "files": seen}
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_text(json.dumps(known), encoding="utf-8")
            os.replace(aside, file)
        finally:
            aside.unlink(missing_ok=True)


def _name(folder: Path) -> str:
    return str(folder.resolve())


def _file(folder: Path) -> Path:
    return cache_root() / "verified" / f"{digest(_name(folder))}.json"
