"""Splits of clips, from the cache: drawing them imports scikit-learn, which takes most of a second."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fusionbench.contract.dataset import Clip
from fusionbench.contract.hashing import digest
from fusionbench.data.cache import file_hash
from fusionbench.data.folds import carve_selection
from fusionbench.data.remembered import recalled

SPLITS = "splits"
"""folder of the cache with splits"""


def carved_selection(clips: Sequence[Clip], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """``carve_selection``, done once for the same clips by the same code; its arguments and errors."""
    ids = sorted(clip.id for clip in clips)

    def check(kept: Any) -> None:
        train, selection = kept
        if sorted([*train, *selection]) != ids or not train or not selection:
            raise ValueError("these are not the parts of these clips")

    def draw() -> Sequence[list[str]]:
        return carve_selection(clips, fraction, seed)

    train, selection = kept_split(clips, [fraction, seed], carve_selection, draw, check)
    return train, selection


def kept_split(
    clips: Sequence[Clip],
    asked: Sequence[Any],
    code: Callable[..., Any],
    draw: Callable[[], Any],
    check: Callable[[Any], object],
) -> Any:
    """What ``draw`` gives, drawn once.

    It is kept under all that it is made from: every clip but for where its files lie, what was
    asked, the code, and the versions of the libraries that draw.

    Args:
        clips: those to part, in any order.
        asked: the other arguments, as JSON holds them.
        code: the function that draws; its whole module counts.
        draw: gives the split, as JSON holds it.
        check: raises a ValueError or TypeError where it is handed something else.
    """
    read = [{**vars(clip), "files": None, "labels": json.dumps(clip.labels)} for clip in clips]
    files = [file_hash(Path(str(sys.modules[part.__module__].__file__))) for part in (code, Clip)]
    drawn_by = {name: version(name) for name in ("scikit-learn", "numpy")}
    by_id = sorted(read, key=lambda clip: str(clip["id"]))
    key = digest([code.__name__, by_id, list(asked), files, drawn_by])
    return recalled(SPLITS, key, draw, check)
