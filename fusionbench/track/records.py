"""Reads runs back from MLflow: which ones there are, what they logged, their artifacts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.contract.addresses import shown
from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import reason
from fusionbench.track.connection import database_file, get_client, tracking_uri

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True)
class RunRecord:
    """One run as MLflow holds it."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED"""
    params: Mapping[str, str]
    artifacts: str
    """address of the folder its artifacts lie in"""
    metrics: Mapping[str, float]
    """the last value of each, fractions rounded to four digits"""
    tags: Mapping[str, str]
    started: datetime
    ended: datetime | None


def get_run(run_id: str) -> RunRecord:
    """One run by its id, or by the first characters of it.

    Raises:
        UserError: there is none, or several ids begin so.
    """
    found = find_run(run_id)
    if found is not None:
        return found
    alike = []
    if re.fullmatch(r"[0-9a-f]{4,31}", run_id):
        alike = [_record(run) for run in _search(list(experiments().values()), f"run_id LIKE '{run_id}%'")]
    if len(alike) == 1:
        return alike[0]
    if alike:
        listed = ", ".join(f"{record.run_id} ({record.name})" for record in alike[:5])
        raise UserError(f"{len(alike)} runs begin with {run_id!r}: {listed}. Give more of the id.")
    raise UserError(
        f"no run {run_id!r} at {shown(tracking_uri())}. "
        "`fusionbench runs` lists them with their ids; MLFLOW_TRACKING_URI chooses where to look."
    )


def find_run(run_id: str) -> RunRecord | None:
    """One run by its id; None where there is none, or where it lies in MLflow's bin."""
    from mlflow.exceptions import MlflowException

    try:
        found = get_client().get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return _record(found) if found.info.lifecycle_stage == "active" else None


def find_runs(
    *,
    experiment: str | None = None,
    tags: Mapping[str, str] | None = None,
    status: str | None = None,
    most: int | None = None,
) -> list[RunRecord]:
    """The runs that carry all these tags, newest first; nothing is made where nothing was logged yet.

    Args:
        experiment: name of one experiment; None looks in all.
        tags: tag -> value that must be equal.
        status: ``FINISHED`` and the like; None takes any.
        most: so many at most; None: all.
    """
    file = database_file(tracking_uri())
    if file is not None and not file.exists():
        return []
    conditions = [f"tags.`{name}` = {_quoted(value)}" for name, value in (tags or {}).items()]
    if status is not None:
        conditions.append(f"attributes.status = {_quoted(status)}")
    where = list(experiments().values()) if experiment is None else [experiments().get(experiment)]
    found = _search([e for e in where if e], " AND ".join(conditions), most)
    return [_record(run) for run in itertools.islice(found, most)]


def experiments() -> dict[str, str]:
    """name -> id of every experiment that is not deleted, oldest first."""
    found = get_client().search_experiments(order_by=["creation_time ASC"])
    return {experiment.name: str(experiment.experiment_id) for experiment in found}


def read_json(run_id: str, path: str) -> Any:
    """The JSON artifact ``path`` of a run.

    Raises:
        UserError: the run has no such artifact, or it is damaged.
    """
    try:
        return json.loads(read_file(run_id, path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"the artifact {path!r} of run {run_id!r} is damaged: {reason(error)}.") from error


def has_artifact(run_id: str, path: str) -> bool:
    """Whether a run holds the artifact ``path`` at its top; False too where nobody answers for them."""
    from mlflow.exceptions import MlflowException

    try:
        return any(file.path == path for file in get_client().list_artifacts(run_id))
    except (MlflowException, OSError):
        return False


def read_file(run_id: str, path: str) -> Path:
    """The artifact ``path`` of a run as a local file, downloaded where it lies elsewhere.

    Raises:
        UserError: the run has no such artifact.
    """
    from mlflow.exceptions import MlflowException

    try:
        return Path(get_client().download_artifacts(run_id, path))
    except (MlflowException, OSError) as error:
        raise UserError(
            f"run {run_id!r} holds no artifact {path!r}. "
            f"`fusionbench run-info {run_id}` says how the run ended and where its artifacts lie."
        ) from error


def _search(experiment_ids: list[str], condition: str, most: int | None = None) -> Iterator[Run]:
    if not experiment_ids:
        return
    token: str | None = None
    while True:
        page = get_client().search_runs(
            experiment_ids, condition, max_results=min(most or 1000, 1000), page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _quoted(value: str) -> str:
    """A string of MLflow's filter language, which knows both quotes but no escape."""
    if "'" in value and '"' in value:
        raise UserError(
            f"cannot look for {value!r}: MLflow's search takes one kind of quote. Remove one kind."
        )
    return f'"{value}"' if "'" in value else f"'{value}'"


def _record(run: Run) -> RunRecord:
    ended = run.info.end_time
    return RunRecord(
        run_id=str(run.info.run_id),
        experiment_id=str(run.info.experiment_id),
        name=run.info.run_name,
        status=run.info.status,
        params=dict(run.data.params),
        artifacts=run.info.artifact_uri,
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        ended=datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
    )
