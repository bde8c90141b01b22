"""Where caches live."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

from fusionbench.contract.errors import UserError


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
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"the cache {folder} cannot be written: {error.strerror}. "
            "Set FUSIONBENCH_CACHE to a folder that can, as in FUSIONBENCH_CACHE=~/fusionbench-cache."
        ) from error
    return folder
