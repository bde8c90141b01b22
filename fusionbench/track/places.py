"""Where artifacts lie: beside the database file, and found again there after the folder was moved."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fusionbench.contract.hashing import digest

FOLDER = "mlartifacts"
_OLD_FOLDER = "mlruns"
"""MLflow's own choice, in the working directory of whoever came first"""


def artifact_location(database: Path | None, experiment: str) -> str | None:
    """The artifact root of a new experiment: beside the database file; None leaves it to a server."""
    if database is None:
        return None
    readable = re.sub(r"[^\w-]+", "-", experiment).strip("-")[:40]
    return (database.absolute().parent / FOLDER / f"{readable}-{digest(experiment)[:8]}").as_uri()


def local_path(location: str) -> Path | None:
    """The folder of an artifact root on this machine, None where it lies elsewhere."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(location)


def follow_database(database: Path) -> None:
    """Point every experiment whose artifacts were moved along with the database file to where they are.

    MLflow keeps absolute places, so a project that was moved or copied would lose its artifacts,
    or write into the folder it was copied from. A database that can't be written stays as it is.
    """
    if not database.is_file() or not database.stat().st_size:
        return
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(database, timeout=30)) as tables,
    ):
        known = tables.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall()
        moved = [(number, old, new) for number, old in known if (new := _beside(database, old or ""))]
        with tables:
            for number, old, new in moved:
                tables.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, number)
                )
                tables.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?)"
                    " WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
                    (new, len(old) + 1, number, len(old), old),
                )


def _beside(database: Path, location: str) -> str | None:
    """The same artifact root beside the database, where it is not there already but could be."""
    old = local_path(location)
    if old is None or old.parent.name not in (FOLDER, _OLD_FOLDER):
        return None
    here = database.absolute().parent / old.parent.name / old.name
    if here == old or not here.is_dir() or (old.parent.name == _OLD_FOLDER and old.is_dir()):
        return None
    return here.as_uri()
