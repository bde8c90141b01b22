"""Where studies are kept: a journal file in the cache, or a PostgreSQL database that many machines share.

Each comes with two kinds of locks that end with the process that holds them, however it ends: one of
the whole study, held while a trial is drawn or told, and a *seat* a trial, held while it is worked on.
A trial that is open in Optuna and whose seat is free was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import filelock

from fusionbench.contract.addresses import scrubbed, shown
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.data.cache import writable_folder
from fusionbench.track.connection import CLUSTER_EXTRA

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

POOL = {"pool_size": 1, "max_overflow": 2, "pool_pre_ping": True}
"""PostgreSQL allows 100 connections in all; SQLAlchemy would take up to 15 a process"""


class Storage(Protocol):
    """A study's place."""

    optuna: BaseStorage

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else draws or tells meanwhile."""
        ...

    def sit(self, seat: str) -> bool:
        """Take a seat until this process ends or leaves it; False where another process has it."""
        ...

    def leave(self, seat: str) -> None:
        """Give a seat back."""
        ...

    def close(self) -> None:
        """Let go of everything; nothing can be asked afterwards."""
        ...


def open_storage(study: str, address: str | None) -> Storage:
    """The storage of a study.

    Args:
        study: its name.
        address: ``postgresql://...``; None: a journal file in the cache.

    Raises:
        UserError: the address is no PostgreSQL's, nobody answers there, or the driver is missing.
    """
    if address is None:
        return Journal(study)
    if not re.match(r"postgresql(\+\w+)?://", address):
        raise UserError(
            f"--storage {shown(address)} is no address of a PostgreSQL database. Write postgresql://"
            "USER:PASSWORD@HOST/DATABASE, or leave it out: studies are kept in the cache then."
        )
    return Postgres(study, address)


class Journal:
    """One file a study, in the cache's folder ``studies``."""

    def __init__(self, study: str):
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        plain = re.sub(r"[^\w.-]+", "-", study)[:60]
        self.path = writable_folder("studies") / f"{plain}-{digest(study)[:8]}.journal"
        self._lock = filelock.FileLock(self.path.with_suffix(".lock"))
        self._seats: dict[str, filelock.BaseFileLock] = {}
        with self._lock:
            _cut_torn_line(self.path)
            appends: Any = _AppendLock(self.path)
            self.optuna: BaseStorage = JournalStorage(JournalFileBackend(str(self.path), appends))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        with self._lock:
            _cut_torn_line(self.path)
            yield

    def sit(self, seat: str) -> bool:
        if seat in self._seats:
            return True
        lock = filelock.FileLock(self._seat(seat))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        self._seats[seat] = lock
        return True

    def leave(self, seat: str) -> None:
        lock = self._seats.pop(seat, None)
        if lock is not None:
            self._seat(seat).unlink(missing_ok=True)  # while it is held: a waiting one sees that it is gone
            lock.release()

    def close(self) -> None:
        for seat in list(self._seats):
            self.leave(seat)

    def _seat(self, seat: str) -> Path:
        return self.path.with_suffix(f".{digest(seat)[:8]}.seat")


class _AppendLock:
    """The lock of a journal's appends. Optuna's own is a file that a killed process leaves for 30 s."""

    def __init__(self, path: Path):
        self._lock = filelock.FileLock(path.with_suffix(".append.lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def _cut_torn_line(path: Path) -> None:
    """A kill in the midst of an append leaves half a line, and nobody could read the journal again."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


class Postgres:
    """One database for many machines; its advisory locks end with the connection that took them."""

    def __init__(self, study: str, address: str):
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        url = re.sub(r"^postgresql://", "postgresql+psycopg://", address)
        self._study = study
        self._mine: set[str] = set()
        try:
            engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            self._connection = engine.connect()
        except ImportError as error:
            raise UserError(f"--storage needs a driver for PostgreSQL: {CLUSTER_EXTRA}.") from error
        except Exception as error:  # drivers raise what they like
            told = scrubbed(next(iter(str(error).strip().splitlines()), type(error).__name__))
            raise UserError(
                f"the database {shown(address)} cannot be used: {told} See that it runs and lets you in."
            ) from error
        with self._locked("making tables"):
            from optuna.storages import RDBStorage

            kept = RDBStorage(url, engine_kwargs=dict(POOL))
            self.optuna: BaseStorage = kept
            self._engine = kept.engine

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        with self._locked(f"study {self._study}"):
            yield

    def sit(self, seat: str) -> bool:
        if seat not in self._mine and self._ask("SELECT pg_try_advisory_lock(:key)", self._named(seat)):
            self._mine.add(seat)
        return seat in self._mine

    def leave(self, seat: str) -> None:
        if seat in self._mine:
            self._mine.remove(seat)
            self._ask("SELECT pg_advisory_unlock(:key)", self._named(seat))

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def _named(self, seat: str) -> str:
        return f"study {self._study}, seat {seat}"

    @contextlib.contextmanager
    def _locked(self, what: str) -> Iterator[None]:
        self._ask("SELECT pg_advisory_lock(:key)", what)
        try:
            yield
        finally:
            self._ask("SELECT pg_advisory_unlock(:key)", what)

    def _ask(self, question: str, what: str) -> Any:
        from sqlalchemy import text

        key = int(digest(["fusionbench", what])[:15], 16)  # PostgreSQL's keys have 63 bits and a sign
        return self._connection.execute(text(question), {"key": key}).scalar()
