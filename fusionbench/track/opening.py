"""Opens a run in MLflow, new or once more, and ends it with the right status."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.contract.addresses import scrubbed, shown
from fusionbench.contract.errors import UserError
from fusionbench.track.connection import experiment_id, get_client, tracking_uri, undisturbed
from fusionbench.track.delivery import Delivery
from fusionbench.track.runs import DatasetNote, Param, TrackedRun
from fusionbench.track.view import experiment_tags

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_ERROR_LENGTH = 500


@dataclass(frozen=True)
class Opening:
    """Which run is opened, and who remembers it."""

    run_id: str | None = None
    """an interrupted run to go on with; None makes a new one"""
    tags: Mapping[str, str] = field(default_factory=dict)
    """set when the run is made or opened again"""
    opened: Callable[[str], None] = lambda run_id: None
    """told the run's id as soon as there is one"""


@contextlib.contextmanager
def open_run(
    *,
    experiment: str,
    name: str,
    params: Mapping[str, Param],
    tags: Mapping[str, str],
    parent: str | None = None,
    dataset: DatasetNote | None = None,
    opening: AbstractContextManager[Opening] | None = None,
    outbox: Path | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Iterator[TrackedRun]:
    """Opens an MLflow run and ends it: FINISHED, FAILED on an exception, KILLED on Ctrl-C.

    A run that finished while its server was away is kept in ``outbox``, whole; ``handed_in`` says so.

    Args:
        experiment: MLflow experiment, one a dataset (``afew``, ``afew (stand-in)``).
        name: as shown in the runs table, ``arpg/afew/s0``.
        params: flat and short: what a reader compares runs by.
        tags: ``fusionbench.*``; ``fusionbench.commit`` fills MLflow's Version column too.
        parent: run id of the comparison or of the folds this run belongs to.
        dataset: what the Dataset column shows.
        opening: held while the run is made, or found and opened again; None makes a new one.
        outbox: folder for what a server that went away could not be given.
        warn: told where the server goes away or comes back.

    Raises:
        UserError: there is no run to go on with, or the tracking address cannot be used.
    """
    client = get_client()
    try:
        with opening or contextlib.nullcontext(Opening()) as found:
            marked = {**tags, **found.tags}
            if found.run_id is None:
                run = _create(client, experiment, name, marked, parent)
            else:
                run = _reopen(client, found.run_id, marked)
            found.opened(str(run.info.run_id))
        steps = _last_steps(client, run) if found.run_id else {}
    except UserError:
        raise
    except Exception as error:
        raise _unreachable(error) from error
    delivery = Delivery(client, str(run.info.run_id), outbox, warn)
    tracked = TrackedRun(run, delivery, steps)
    tracked.reopened = found.run_id is not None
    try:
        if dataset is not None:
            tracked.note_dataset(dataset)
        tracked.log_params(params)
        yield tracked
    except KeyboardInterrupt:
        tracked.end("KILLED")
        raise
    except BaseException as error:  # whatever ended the run, the table must not show it as running
        with contextlib.suppress(Exception):  # the reason of the end matters more than that it is written
            reason = scrubbed(f"{type(error).__name__}: {error}")
            tracked.set_tags({"fusionbench.error": reason[:_ERROR_LENGTH]})
            tracked.end("FAILED")
        raise
    else:
        tracked.end("FINISHED")
        tracked.handed_in = delivery.settle()


def end_run(run_id: str, status: str) -> None:
    """Set the status of a run that nobody works on any more."""
    with undisturbed():
        get_client().set_terminated(run_id, status)


def tag_run(run_id: str, tags: Mapping[str, str], warn: Callable[[str], None]) -> None:
    """Tag a run that has ended; a tracker that does not take it is told, since no figure hangs on a tag."""
    from mlflow.entities import RunTag

    try:
        with undisturbed():
            get_client().log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    except Exception as error:  # a server that is away, or that forbids it
        told = scrubbed(" ".join(str(error).split()))[:_ERROR_LENGTH]
        warn(f"run {run_id} does not get its tag {next(iter(tags))}: {told}")


def add_files(run_id: str, files: Path, folder: str) -> None:
    """Copy the files of a local folder into an artifact folder of a run that has ended."""
    get_client().log_artifacts(run_id, str(files), folder)


def _unreachable(error: Exception) -> UserError:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return UserError(
        f"MLflow at {shown(tracking_uri())} does not take a new run: {scrubbed(reason)} "
        "Nothing was trained. See that it answers, then give the same command again."
    )


def _create(
    client: MlflowClient,
    experiment: str,
    name: str,
    tags: Mapping[str, str],
    parent: str | None,
) -> Run:
    own = {"mlflow.user": _user(), "mlflow.source.name": "fusionbench", "mlflow.source.type": "LOCAL"}
    if "fusionbench.commit" in tags:
        own["mlflow.source.git.commit"] = tags["fusionbench.commit"]
    if parent is not None:
        own["mlflow.parentRunId"] = parent
    where = experiment_id(experiment, experiment_tags())
    with undisturbed():
        return client.create_run(where, tags={**own, **tags}, run_name=name)


def _reopen(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> Run:
    from mlflow.entities import RunTag
    from mlflow.exceptions import MlflowException

    try:
        with undisturbed():
            client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        raise UserError(
            f"cannot go on with run {run_id!r}: {scrubbed(str(error))}. "
            "Look the run id up with `fusionbench ui`, or start anew without it."
        ) from error
    with undisturbed():
        client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    return client.get_run(run_id)


def _last_steps(client: MlflowClient, run: Run) -> dict[str, int]:
    """The last step a re-opened run holds of each metric."""
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {name: max(point.step for point in points) for name, points in histories.items() if points}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"
