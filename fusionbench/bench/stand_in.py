"""A dataset's stand-in: where it lies in the cache, and making it there or elsewhere."""

from __future__ import annotations

from pathlib import Path

from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.data.generate import generate
from fusionbench.data.marker import read_marker
from fusionbench.data.place import locked


def stand_in_root(chosen: Chosen, watch: Watch) -> Path:
    """The generated data of a dataset in the cache, made now if need be.

    Raises:
        UserError: the dataset offers no stand-in.
    """
    name = chosen.plugin
    root = cache_root() / "stand-in" / name
    if read_marker(root) is None:
        writable_folder("stand-in")
        with locked(root, f"another process generates {root}", watch):
            if read_marker(root) is None:
                make_stand_in(chosen, root, watch)
    return root


def stand_in_is_made(chosen: Chosen) -> bool:
    """Whether the cache holds a dataset's stand-in already."""
    return read_marker(cache_root() / "stand-in" / chosen.plugin) is not None


def make_stand_in(chosen: Chosen, root: Path, watch: Watch) -> None:
    """Generate a dataset's stand-in at ``root``.

    Raises:
        UserError: the dataset offers no stand-in.
    """
    if chosen.cls.stand_in_plan() is None:
        raise no_stand_in(chosen)
    generate(chosen.cls, root, progress=lambda done, total: watch.progress("generating faces", done, total))


def no_stand_in(chosen: Chosen) -> UserError:
    """The error for a dataset that offers none."""
    return UserError(f"dataset {chosen.name!r} has no stand-in. Give real data with --data-root PATH.")
