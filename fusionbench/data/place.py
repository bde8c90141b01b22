"""Puts a finished folder in its place: one lock a target, one private folder a writer, safe from kills.

Beside a target ``NAME`` lie, while it is written and after a kill, hidden entries
that begin with ``.fusionbench-KEY.``, KEY telling targets apart:

* ``lock``: held by whoever writes. It lies here and not in a cache, so that it binds
  every process that can write here, whatever machine, user or cache it has.
* ``new-*``: what a writer writes. Nobody's, unless the lock is held.
* ``old-*``: what was at ``NAME`` until it was replaced. Put back where ``NAME`` is missing.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.interrupts import interrupts_deferred
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root
from fusionbench.data.store_format import written_files

PATIENCE = 0.5
"""seconds to wait for a lock before saying so"""


@contextlib.contextmanager
def locked(target: Path, waiting_for: str = "", watch: Watch | None = None) -> Iterator[None]:
    """Hold the only right to write ``target``; remains of killed writers are cleared away first.

    A thread that holds it may take it again.

    Args:
        target: folder that is going to be written.
        waiting_for: what is going on where it has to wait.
        watch: told of that; by default it is logged as a warning.

    Raises:
        UserError: nothing can be written there.
    """
    target = resolved(target)
    if not target.name:
        raise UserError(f"{target} is the root of the file system. Name a folder in it.")
    with _parents(target):
        lock = filelock.FileLock(_beside(target, "lock"), is_singleton=True)
        with writes_to(target):
            try:
                lock.acquire(timeout=PATIENCE)
            except filelock.Timeout:
                tell = watch.note if watch else logging.getLogger(__name__).warning
                tell(f"waiting: {waiting_for or f'another process writes {target}'}")
                lock.acquire()
        try:
            if lock.lock_counter == 1:
                with writes_to(target), interrupts_deferred():
                    _clear(target)
            yield
        finally:
            if lock.lock_counter == 1:
                with contextlib.suppress(OSError):
                    Path(lock.lock_file).unlink()  # while it is held: a waiting one sees that it is gone
            lock.release()


@contextlib.contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders above ``target``; those that stay empty are removed again."""
    made: list[Path] = []
    try:
        with writes_to(target):
            made += [folder for folder in target.parents if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextlib.contextmanager
def replacing(target: Path, waiting_for: str = "", watch: Watch | None = None) -> Iterator[Path]:
    """A private folder that takes the place of ``target`` when the block ends well.

    At any moment, whatever is killed, ``target`` is found as it was or as it will be:
    where it is for an instant neither, ``settled`` tells. Files that the user laid into a
    store that is replaced are kept. Where ``target`` is a link, what it points to is replaced.

    Raises:
        UserError: nothing can be written there.
    """
    target = resolved(target)
    with locked(target, waiting_for, watch):
        folder = _beside(target, f"new-{secrets.token_hex(8)}")
        try:
            with writes_to(target):
                if target.exists() and not target.is_dir():
                    raise UserError(f"{target} is a file. Nothing was written; name a new folder.")
                folder.mkdir()
            yield folder
            with writes_to(target), interrupts_deferred():
                _flush(folder)
                _swap(folder, target)
        finally:
            with interrupts_deferred():
                shutil.rmtree(folder, ignore_errors=True)


def settled(target: Path) -> Path:
    """Where readers find ``target``: in its place, unless a writer was killed in the midst of replacing it.

    Then what it was before is put back, or read where it lies if nothing can be written there.
    """
    target = resolved(target)
    with contextlib.suppress(OSError):
        if not _is_absent(target) or not _remains(target, "old"):
            return target
        with contextlib.suppress(UserError), locked(target):
            return target  # taking the lock put it back
        asides = _remains(target, "old")
        if asides and _is_absent(target):
            return asides[-1]
    return target


def resolved(target: Path) -> Path:
    """``target`` with every link followed, whether or not it exists.

    Raises:
        UserError: its links go round in a circle.
    """
    try:
        return target.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{target} cannot be found: {error}. Name another folder.") from error


@contextlib.contextmanager
def writes_to(target: Path) -> Iterator[None]:
    """An error of the file system becomes one that the user can mend.

    Raises:
        UserError: in place of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "Free space, or name a folder on a larger disk" if full else "Name a folder that can be"
        if target.is_relative_to(resolved(cache_root())):
            advice += ", with FUSIONBENCH_CACHE"
        raise UserError(f"{target} cannot be written: {error.strerror or error}. {advice}.") from error


def _swap(folder: Path, target: Path) -> None:
    """Rename the old one aside, the new one in, and delete the old one after that."""
    aside = None
    if target.exists():
        aside = _beside(target, f"old-{secrets.token_hex(8)}")
        os.rename(target, aside)
    try:
        os.rename(folder, target)
    except OSError:
        if aside:
            os.rename(aside, target)
        raise
    _flush_entry(target.parent)
    if aside:
        _retire(aside, target)


def _clear(target: Path) -> None:
    """Undo what killed writers left. The lock is held, so none of it is in use."""
    for aside in _remains(target, "old"):
        if _is_absent(target):
            os.rename(aside, target)
        else:
            _retire(aside, target)
    for folder in _remains(target, "new"):
        shutil.rmtree(folder, ignore_errors=True)


def _retire(aside: Path, target: Path) -> None:
    """Delete what was replaced, but for files that no writer wrote: those move into the new one."""
    ours = written_files(aside)
    notes = sorted(entry.name for entry in aside.iterdir() if entry.name not in ours)
    for name in notes:
        kept, number = name, 0
        while os.path.lexists(target / kept) or (number and kept in notes):
            number += 1
            kept = f"{name}.old{number}"
        os.rename(aside / name, target / kept)
    nobodys = _beside(target, f"new-{secrets.token_hex(8)}")
    os.rename(aside, nobodys)  # so that a half-deleted one is never put back
    shutil.rmtree(nobodys, ignore_errors=True)


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(f".fusionbench-{digest(target.name)[:12]}.{ending}")


def _remains(target: Path, what: str) -> list[Path]:
    """What lies beside a target, the latest last."""
    start = _beside(target, f"{what}-").name
    with os.scandir(target.parent) as entries:
        found = [Path(entry.path) for entry in entries if entry.name.startswith(start)]
    return sorted(found, key=lambda path: path.lstat().st_ctime_ns)


def _is_absent(target: Path) -> bool:
    """Whether nothing is lost by a rename onto ``target``."""
    return not target.exists() or (target.is_dir() and not any(target.iterdir()))


def _flush(folder: Path) -> None:
    """Bring a folder and the files in it to the disk, so that a power cut cannot empty what was renamed."""
    for entry in folder.iterdir():
        if entry.is_file():
            _flush_entry(entry)
    _flush_entry(folder)


def _flush_entry(path: Path) -> None:
    if os.name == "nt":  # knows neither
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
