"""Where caches live, and how one of them is made exactly once, keyed by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import filelock
import platformdirs

from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.data.store import Store, is_store, open_store


def cache_root() -> Path:
    """``$FUSIONBENCH_CACHE``, else the user's cache folder."""
    named = os.environ.get("FUSIONBENCH_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("fusionbench"))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def writable_folder(*parts: str) -> Path:
    """A folder of the cache, made if need be.

    Raises:
        UserError: it cannot be written.
    """
    folder = cache_root().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"the cache {folder} cannot be written: {error.strerror}. "
            "Set FUSIONBENCH_CACHE to a folder that can, as in FUSIONBENCH_CACHE=~/fusionbench-cache."
        ) from error
    return folder


def cached_store(kind: str, parts: Mapping[str, Any], make: Callable[[Path], None], watch: Watch) -> Store:
    """The store of ``parts``, made by ``make(path)`` where there is none yet.

    Processes that want the same store wait for the one that makes it. A store
    that is complete is opened without writing anything.
    """
    path = cache_root() / kind / digest(parts)
    if not is_store(path):
        with locked(writable_folder(kind) / f"{path.name}.lock", f"another process makes {path}", watch):
            if not is_store(path):
                make(path)
    return open_store(path)


def stored(kind: str, parts: Mapping[str, Any]) -> Store | None:
    """The store of ``parts``, where the cache holds it."""
    path = cache_root() / kind / digest(parts)
    return open_store(path) if is_store(path) else None


def locked(path: Path, waiting_for: str, watch: Watch) -> filelock.BaseFileLock:
    """A lock file to hold as a context; says so where it has to wait."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0.5)
        lock.release()
    except filelock.Timeout:
        watch.note(f"waiting: {waiting_for}")
    return lock
