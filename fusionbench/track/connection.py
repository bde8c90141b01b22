"""Reaches MLflow: one quiet client a tracking address, experiments made once however many processes start."""

from __future__ import annotations

import contextlib
import functools
import http.client
import logging
import os
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from fusionbench.contract.addresses import scrubbed, shown
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.interrupts import interrupts_deferred
from fusionbench.data.cache import writable_folder
from fusionbench.track.places import artifact_location, follow_database, local_path
from fusionbench.track.schema import refuse_foreign

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that is away is met by this package's own patience (track.delivery), not by minutes of silence.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow reads these once, at import; a user's own setting wins"""

PROBE_SECONDS = 8.0
"""how long a server may take to say that it is there"""

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")

CLUSTER_EXTRA = "pip install 'fusionbench[cluster]'"
"""brings the driver of PostgreSQL, and Ray"""

_LOCK_SECONDS = 300
"""a fresh database takes about 2 s; a slow disk and a queue of processes still fit in here"""


def tracking_uri() -> str:
    """``$MLFLOW_TRACKING_URI``, else MLflow's default: ``mlflow.db`` in the working directory."""
    with _quiet():
        import mlflow

    return str(mlflow.get_tracking_uri())


def is_server(uri: str) -> bool:
    """Whether an address is that of an MLflow server."""
    return urlsplit(uri).scheme in ("http", "https")


def is_database(uri: str) -> bool:
    """Whether an address is that of a database that SQLAlchemy opens."""
    return urlsplit(uri).scheme.partition("+")[0] in _DATABASES


def answers(uri: str, seconds: float = PROBE_SECONDS) -> bool:
    """Whether an MLflow server answers at all; a database is always said to.

    Any answer counts, also "who are you?": what is wrong then, the request itself will say.
    """
    if not is_server(uri):
        return True
    place = shown(uri).partition("?")[0].rstrip("/")  # asked without a password, which urllib cannot read
    probe = urllib.request.Request(f"{place}/health", method="GET")
    try:
        with urllib.request.urlopen(probe, timeout=seconds):
            return True
    except urllib.error.HTTPError as error:
        return error.code not in (502, 503, 504)  # a gateway speaks for a server that is away
    except (OSError, ValueError, http.client.HTTPException):
        return False


def database_file(uri: str) -> Path | None:
    """The sqlite file behind a tracking address, None for a server or another database.

    As MLflow reads it: escapes are resolved, and a ``#`` is a part of the name like any other.
    """
    scheme, _, rest = uri.partition("://")
    path = unquote(rest.partition("?")[0].removeprefix("/"))
    return Path(path) if scheme.startswith("sqlite") and path else None


def get_client() -> MlflowClient:
    """The client of the current tracking address; its database is made on first use.

    Raises:
        UserError: the address cannot be used.
    """
    return _client(tracking_uri())


def experiment_id(name: str, tags: Mapping[str, str]) -> str:
    """The id of the experiment of this name, made when it is missing; it gets these tags where it can.

    Raises:
        UserError: an experiment of this name lies in MLflow's bin, or its artifacts can't be written.
    """
    return _experiment_id(tracking_uri(), name, tuple(tags.items()))


@functools.cache
def _client(uri: str) -> MlflowClient:
    if not answers(uri):
        raise UserError(
            f"no MLflow server answers at {shown(uri)} (waited {PROBE_SECONDS:.0f} s). "
            "Start it, or set MLFLOW_TRACKING_URI to a database (sqlite:///mlflow.db) or another server."
        )
    with _quiet():
        try:
            from mlflow.tracking import MlflowClient

            with _one_process_at_a_time(uri):
                file = database_file(uri)
                if is_database(uri):
                    refuse_foreign(uri)
                if file is not None:
                    follow_database(file)
                client = MlflowClient(tracking_uri=uri)
                client.search_experiments(max_results=1)  # the database is made on the first question
        except UserError as error:
            raise UserError(f"MLflow cannot use {shown(uri)}: {error}") from error
        except ImportError as error:
            raise UserError(
                f"MLflow cannot use {shown(uri)}: its driver is missing ({error}). "
                f"That of PostgreSQL comes with {CLUSTER_EXTRA}."
            ) from error
        except Exception as error:  # drivers, migrations and servers raise what they like
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise UserError(
                f"MLflow cannot use {shown(uri)}: {scrubbed(reason)} "
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
                client.create_experiment(name, artifact_location(database_file(uri), name))
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
    _refuse_unwritable(name, found.artifact_location)
    for key, value in tags:
        if found.tags.get(key) != value:
            # Tags only dress the page up: a server that refuses one must not stop a run.
            with contextlib.suppress(MlflowException):
                client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def _refuse_unwritable(experiment: str, location: str) -> None:
    """An artifact root on this machine is tried now, not after hours of training."""
    folder = local_path(location)
    if folder is None:
        return  # a server's or a cloud's: the first artifact, written before training, tries it
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"artifacts of the MLflow experiment {experiment!r} lie in {folder}, which cannot be written: "
            f"{error.strerror}. Make it writable, or set MLFLOW_TRACKING_URI to a database of your own."
        ) from error


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
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # MLflow 3.17 still uses what SQLAlchemy 2.1 deprecates; its user can do nothing about it.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextlib.contextmanager
def _one_process_at_a_time(uri: str) -> Iterator[None]:
    """Guards the making of tables and experiments: on a fresh database simultaneous starts collide.

    A server makes its own. A database that is no file is guarded in the cache, which machines share.
    """
    file = database_file(uri)
    if is_server(uri):
        yield
        return
    if file is None:
        lock = writable_folder("trackers") / f"{digest(uri)}.lock"
    else:
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(f"{file.name}.lock")
    with FileLock(lock, timeout=_LOCK_SECONDS):
        yield
