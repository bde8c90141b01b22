"""Who works on a run identity, and where an interrupted run goes on.

A run, a trial, the parent of folds, a comparison, a study is owned by an identity under a lock. Its
MLflow run is known by the id that was recorded when it was opened, never by looking for a status: another
process may be alive and well in a run that looks interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from fusionbench.contract.errors import FusionBenchError
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.learn.checkpoint import Checkpoint
from fusionbench.track.delivery import hand_in, is_kept
from fusionbench.track.finished import finished_runs
from fusionbench.track.opening import Opening, end_run
from fusionbench.track.records import RunRecord, find_run, find_runs

IDENTITY_TAG = "fusionbench.identity"
KIND_TAG = "fusionbench.kind"
CLAIM_TAG = "fusionbench.claim"
"""set when an MLflow run is made, so that it is found even if a kill came before its id was recorded"""
RUN, FOLDS, COMPARISON, REPRODUCTION = "run", "folds", "comparison", "reproduction"
STUDY, TRIAL = "study", "trial"
_SHARED = (FOLDS, COMPARISON, STUDY)
"""kinds that several processes work on side by side, and that are opened again when they are finished"""
_UNFINISHED = "unfinished"


class Busy(FusionBenchError):
    """Another process works on this run right now."""


@dataclass(frozen=True)
class Claim:
    """The right to open or to continue the MLflow run of an identity."""

    identity: str
    kind: str
    finished: str | None
    """id of the run of this identity that ended well, if there is one"""

    @property
    def folder(self) -> Path:
        """Stands as long as the run is unfinished."""
        return cache_root() / _UNFINISHED / self.identity

    def checkpoint(self, warn: Callable[[str], None]) -> Checkpoint:
        """Where a fit that was interrupted goes on; ``warn`` is told if that is of no use."""
        return Checkpoint(self.folder / "state.pt", warn)

    @property
    def outbox(self) -> Path:
        """Where a finished run waits for a server that went away."""
        return self.folder / "outbox"

    @contextmanager
    def opening(self) -> Iterator[Opening]:
        """The MLflow run to go on with, if there is one; what is opened instead is recorded as ours.

        One process at a time, so that those who share a parent open one record and not several.
        A parent that is finished is opened again; a run that is finished is never.
        """
        with filelock.FileLock(writable_folder(_UNFINISHED) / f"{self.identity}.opening.lock"):
            writable_folder(_UNFINISHED, self.identity)
            recorded = _recorded(self.folder)
            found = _run_of(recorded)
            if found is None and self.finished and self.kind in _SHARED:
                found = find_run(self.finished)
            known = {"claim": recorded.get("claim") or uuid.uuid4().hex}
            _record(self.folder, known if found is None else {**known, "run_id": found.run_id})
            yield Opening(
                run_id=found.run_id if found else None,
                tags={CLAIM_TAG: known["claim"]},
                opened=lambda run_id: _record(self.folder, {**known, "run_id": run_id}),
            )


@contextmanager
def claim(identity: str, watch: Watch, *, wait: bool = True, kind: str = RUN) -> Iterator[Claim]:
    """Hold a run alone while it is trained: every other process waits for the result.

    Found unfinished, after Ctrl-C or a kill, it goes on from its checkpoint in the MLflow run it
    had. What waits for a server since last time is handed in first.

    Args:
        identity: of the run.
        watch: told where this process has to wait.
        wait: False raises instead of waiting.
        kind: ``run``, ``trial`` or ``reproduction``.

    Raises:
        Busy: another process holds it, and waiting was not wanted.
    """
    with _lock(identity, watch if wait else None):
        yield from _claimed(identity, kind)


@contextmanager
def join(identity: str, kind: str) -> Iterator[Claim]:
    """Share the parent of several runs: processes that make the same one work side by side in one record.

    Args:
        identity: of the parent.
        kind: ``folds``, ``comparison``, ``study``, or ``reproduction`` of several folds.
    """
    seat = writable_folder(_UNFINISHED) / f"{identity}.{uuid.uuid4().hex}.lock"
    with filelock.FileLock(seat):  # says that somebody is alive in it
        try:
            yield from _claimed(identity, kind)
        finally:
            seat.unlink(missing_ok=True)


def _claimed(identity: str, kind: str) -> Iterator[Claim]:
    held = Claim(identity, kind, _settled(identity, kind))
    yield held
    if not is_kept(held.outbox):
        shutil.rmtree(held.folder, ignore_errors=True)


def _settled(identity: str, kind: str) -> str | None:
    """The run of this identity that ended well; one whose last moment a kill cut off is tidied up."""
    unfinished = Claim(identity, kind, None)
    found = _run_of(_recorded(unfinished.folder))
    if found and is_kept(unfinished.outbox):
        hand_in(found.run_id, unfinished.outbox)
        found = find_run(found.run_id)
    if found and found.status == "FINISHED" and found.tags.get(KIND_TAG) == kind not in _SHARED:
        shutil.rmtree(unfinished.folder, ignore_errors=True)
        return found.run_id
    return finished_runs(IDENTITY_TAG, {identity}, {KIND_TAG: kind}).get(identity)


def close_orphans() -> None:
    """End the MLflow runs that a kill left open: nobody holds them, so nobody else would.

    Their checkpoints stay, and the same command goes on with them.
    """
    root = cache_root() / _UNFINISHED
    for file in sorted(root.glob("*/run.json")) if root.is_dir() else []:
        identity = file.parent.name
        recorded = _recorded(file.parent)
        seats = list(root.glob(f"{identity}.*.lock"))
        if "closed" in recorded or is_kept(file.parent / "outbox") or any(map(_is_held, seats)):
            continue
        with contextlib.suppress(Busy), _lock(identity, None):
            found = _run_of(recorded)
            if found and found.status == "RUNNING":
                end_run(found.run_id, "KILLED")
            if found:
                _record(file.parent, {**recorded, "run_id": found.run_id, "closed": "yes"})
            for seat in seats:
                seat.unlink(missing_ok=True)


def _run_of(recorded: dict[str, str]) -> RunRecord | None:
    """The recorded MLflow run, where this tracker has it."""
    if "run_id" in recorded:
        return find_run(recorded["run_id"])
    if "claim" in recorded:
        return next(iter(find_runs(tags={CLAIM_TAG: recorded["claim"]})), None)
    return None


def _recorded(folder: Path) -> dict[str, str]:
    """What was recorded of an unfinished run; nothing where that is damaged."""
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _record(folder: Path, recorded: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"run.json.{uuid.uuid4().hex}"
    aside.write_text(json.dumps(recorded), encoding="utf-8")
    os.replace(aside, folder / "run.json")


@contextmanager
def _lock(identity: str, watch: Watch | None) -> Iterator[None]:
    """The lock of a run; without a watch nobody waits."""
    lock = filelock.FileLock(writable_folder(_UNFINISHED) / f"{identity}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if watch is None:
            raise Busy("another process works on this run") from None
        watch.note("waiting: another process works on this very run; its result will be taken")
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()


def _is_held(path: Path) -> bool:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False
