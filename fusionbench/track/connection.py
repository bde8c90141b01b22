"""Reaches MLflow: one quiet client a tracking address, experiments made once however many processes start."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from fusionbench.contract.errors import UserError
from fusionbench.contract.interrupts import interrupts_deferred

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow reads these once, at import; a user's own setting wins"""

_LOCK_SECONDS = 300
"""a fresh database takes about 2 s; a slow disk and a queue of processes still fit in here"""


def tracking_uri() -> str:
    """``$MLFLOW_TRACKING_URI``, else MLflow's default: ``mlflow.db`` in the working directory."""
    with _quiet():
        import mlflow

    return str(mlflow.get_tracking_uri())


def database_file(uri: str) -> Path | None:
    """The sqlite file behind a tracking address, None for a server or another database."""
    parts = urlsplit(uri)
    path = unquote(parts.path.removeprefix("/"))
    return Path(path) if parts.scheme.startswith("sqlite") and path else None


def get_client() -> MlflowClient:
    """The client of the current tracking address; its database is made on first use.

    Raises:
        UserError: the address cannot be used.
    """
    return _client(tracking_uri())


def experiment_id(name: str, tags: Mapping[str, str]) -> str:
    """The id of the experiment of this name, made when it is missing; it gets these tags where it can.

    Raises:
        UserError: an experiment of this name lies in MLflow's bin.
    """
    return _experiment_id(tracking_uri(), name, tuple(tags.items()))


@functools.cache
def _client(uri: str) -> MlflowClient:
    with _quiet():
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with _one_process_at_a_time(uri):
                client = MlflowClient(tracking_uri=uri)
                client.search_experiments(max_results=1)  # the database is made on the first question
        except (MlflowException, SQLAlchemyError, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"MLflow cannot use {uri}: {reason} "
                "Allowed: a database (sqlite:///mlflow.db, postgresql://...) or a server (http://...). "
                "Set MLFLOW_TRACKING_URI to one of them."
            ) from error
    return client


@functools.cache
def _experiment_id(uri: str, name: str, tags: tuple[tuple[str, str], ...]) -> str:
    from mlflow.exceptions import MlflowException

    client = _client(uri)
    with _one_process_at_a_time(uri):
        while (found := client.get_experiment_by_name(name)) is None:
            try:
                client.create_experiment(name)
            except MlflowException as error:
                # A server has no file to lock: another process may have been faster.
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
    if found.lifecycle_stage != "active":
        raise UserError(
            f"the MLflow experiment {name!r} was deleted, but not for good: no run can be added. "
            f"Restore it with `mlflow experiments restore --experiment-id {found.experiment_id}` "
            "or purge it with `mlflow gc`."
        )
    for key, value in tags:
        if found.tags.get(key) != value:
            # Tags only dress the page up: a server that refuses one must not stop a run.
            with contextlib.suppress(MlflowException):
                client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C waits for a write to a database file: interrupted in it, SQLAlchemy leaves the file locked.

    A server may take minutes to answer and locks nothing here; there Ctrl-C comes through.
    """
    if database_file(tracking_uri()) is None:
        yield
        return
    with interrupts_deferred():
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps MLflow's import and first use from talking into our output."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # MLflow 3.17 still uses what SQLAlchemy 2.1 deprecates; its user can do nothing about it.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextlib.contextmanager
def _one_process_at_a_time(uri: str) -> Iterator[None]:
    """Guards the making of tables and experiments: on a fresh sqlite file simultaneous starts collide."""
    file = database_file(uri)
    if file is None:
        yield
        return
    file.absolute().parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f"{file.name}.lock"), timeout=_LOCK_SECONDS):
        yield
