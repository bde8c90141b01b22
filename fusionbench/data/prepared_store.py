"""Stores of prepared faces: what their arrays are called and mean, and opening one."""

from __future__ import annotations

import os
from pathlib import Path

from fusionbench.contract.errors import UserError
from fusionbench.data.store import Store, open_store

PREPARED = "prepared"
"""in ``made`` of such stores: the version of the preparation"""

FRAMES, LANDMARKS, MESH, REST = "frames", "landmarks", "mesh", "rest"
STATE, PLACE, TIME = "state", "place", "time"
"""``frames`` (rows, 3, size, size) uint8 RGB, black where there is no face; ``landmarks`` (rows, 68, 2)
and ``mesh`` (rows, 468, 3) float32, x and y in [0, 1] of the frame, NaN where there are none; ``rest``
(rows, 468, 3) float32, the median of the clip's mesh, the same in all its rows; ``state``
(rows,) uint8; ``place`` (rows, 2, 3) float32, the affine map from the recording's pixels to the frame's,
NaN where it is not known; ``time`` (rows,) float64, seconds from the recording's beginning"""

GAP, FOUND, FILLED = 0, 1, 2
"""``state``: there is no face; one was found; the nearest frame that has one stands in its place"""


def open_prepared_store(path: str | os.PathLike[str]) -> Store:
    """A store that ``fusionbench prepare`` wrote.

    Args:
        path: its folder.

    Returns:
        the store. ``arrays`` has ``frames`` (rows, 3, size, size) uint8, ``landmarks`` (rows, 68, 2) and,
        where the aligner gives them, ``mesh`` (rows, 468, 3) float32 in [0, 1] of the frame and ``rest``,
        the median of the clip's, ``state``
        (rows,) uint8 (0 no face, 1 found, 2 filled from the nearest frame), ``place`` (rows, 2, 3),
        which takes a recording's pixels to the frame's, and ``time`` (rows,) in seconds. ``made`` says
        how it was made.

    Raises:
        UserError: there is no such store, or it is damaged.
    """
    folder = Path(path).expanduser()
    store = open_store(folder)
    if store.kind != "frames" or PREPARED not in store.made or STATE not in store.arrays:
        raise UserError(
            f"{folder} is a store of {store.kind}, but not one that was prepared. "
            "Give the folder that fusionbench prepare SOURCE --out STORE wrote."
        )
    return store
