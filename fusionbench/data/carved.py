"""The selection split of a fold, from the cache: carving it imports scikit-learn, which takes most of a second."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fusionbench.contract.dataset import Clip
from fusionbench.contract.hashing import digest
from fusionbench.data import folds
from fusionbench.data.cache import file_hash
from fusionbench.data.remembered import recalled

SPLITS = "splits"
"""folder of the cache with selection splits"""


def carved_selection(clips: Sequence[Clip], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """``carve_selection``, done once for the same clips by the same code: arguments, result and errors are its.

    Its parts are kept under what it reads: every clip but for where its files lie, fraction, seed,
    its own code, and the versions of the libraries that draw.
    """
    ids = sorted(clip.id for clip in clips)
    read = [{name: v for name, v in vars(clip).items() if name != "files"} for clip in clips]
    drawn_by = {name: version(name) for name in ("scikit-learn", "numpy")}
    code = file_hash(Path(folds.__file__))
    key = digest([sorted(read, key=lambda clip: clip["id"]), fraction, seed, code, drawn_by])

    def check(kept: Any) -> None:
        train, selection = kept
        if sorted([*train, *selection]) != ids or not train or not selection:
            raise ValueError("these are not the parts of these clips")

    train, selection = recalled(SPLITS, key, lambda: folds.carve_selection(clips, fraction, seed), check)
    return train, selection
