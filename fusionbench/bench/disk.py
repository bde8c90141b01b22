"""Whether the disks have room for what a run leaves behind, asked before it trains."""

from __future__ import annotations

import shutil
from pathlib import Path

from torch import nn

from fusionbench.contract.errors import UserError
from fusionbench.data.cache import writable_folder
from fusionbench.track.connection import database_file, tracking_uri

_COPIES = 6
"""of the parameters: a checkpoint holds the model, the best one and two moments of Adam; then the artifact"""
_REST = 50_000_000
"""bytes for predictions, figures, the database's growth"""


def refuse_full_disk(model: nn.Module) -> None:
    """Refuse to train what could not be kept.

    Raises:
        UserError: the disk of the cache or of the tracking database is too full.
    """
    needed = _REST + _COPIES * sum(p.numel() * p.element_size() for p in model.parameters())
    database = database_file(tracking_uri())
    places = {"the cache": writable_folder("unfinished")}
    if database is not None:
        places["the tracking database"] = database.absolute().parent
    for what, folder in places.items():
        free = shutil.disk_usage(_existing(folder)).free
        if free < needed:
            raise UserError(
                f"the disk of {what} ({folder}) has {free / 1e6:.0f} MB left; this run may need "
                f"{needed / 1e6:.0f} MB for its checkpoint, weights and figures. Free some, or set "
                "FUSIONBENCH_CACHE or MLFLOW_TRACKING_URI to a larger disk."
            )


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
