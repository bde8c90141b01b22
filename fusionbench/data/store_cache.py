"""Cached stores: each is made exactly once, keyed by content, however many processes want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.data.place import locked
from fusionbench.data.store import Store, is_store, open_store


def cache_path(kind: str, parts: Mapping[str, Any]) -> Path:
    """Where the store of ``parts`` lies, once it is made."""
    return cache_root() / kind / digest(parts)


def cached_stores(
    wanted: Mapping[str, Path],
    make: Callable[[Mapping[str, Path]], None],
    waiting_for: str,
    watch: Watch,
) -> dict[str, Store]:
    """The stores ``wanted``; those that are missing are made together.

    Processes that want the same store wait for the one that makes it. A store
    that is complete is opened without writing anything.

    Args:
        wanted: name -> ``cache_path``.
        make: writes the stores it is given, a part of ``wanted``.
        waiting_for: what another process is doing while this one waits.
        watch: told of that.
    """
    missing = {name: path for name, path in wanted.items() if not is_store(path)}
    if missing:
        with ExitStack() as stack:
            for path in sorted(missing.values()):  # in one order everywhere, so that none waits in a circle
                writable_folder(path.parent.name)
                stack.enter_context(locked(path, f"{waiting_for} {path}", watch))
            missing = {name: path for name, path in missing.items() if not is_store(path)}
            if missing:
                make(missing)
    return {name: open_store(path, watch) for name, path in wanted.items()}
