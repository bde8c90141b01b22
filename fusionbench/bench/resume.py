"""Who works on a run identity, and where an interrupted run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import filelock

from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.learn.checkpoint import Checkpoint
from fusionbench.track.records import find_runs

IDENTITY_TAG = "fusionbench.identity"
KIND_TAG = "fusionbench.kind"


@dataclass(frozen=True)
class Claim:
    """The right to continue a run: its checkpoint and, if it was interrupted, its MLflow run."""

    checkpoint: Checkpoint | None
    run_id: str | None


@contextmanager
def claim(identity: str) -> Iterator[Claim]:
    """Hold a run identity while it is worked on.

    A folder under the cache stands as long as the run is unfinished. Found
    again, after Ctrl-C or a kill, the run goes on from its checkpoint in the
    MLflow run it had. A second process on the same identity trains beside the
    first one, without a checkpoint.
    """
    name = f"{identity}.lock"
    lock = filelock.FileLock(writable_folder("unfinished") / name)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield Claim(None, None)
        return
    try:
        interrupted = (cache_root() / "unfinished" / identity).is_dir()
        folder = writable_folder("unfinished", identity)
        yield Claim(Checkpoint(folder / "state.pt"), _open_run_of(identity) if interrupted else None)
        shutil.rmtree(folder)
    finally:
        lock.release()


def _open_run_of(identity: str) -> str | None:
    for record in find_runs(tags={IDENTITY_TAG: identity, KIND_TAG: "run"}):
        if record.status in ("RUNNING", "KILLED", "FAILED"):
            return record.run_id
    return None
