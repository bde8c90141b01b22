"""Writes runs to MLflow: opens or re-opens one, logs into it, and ends it with the right status."""

from __future__ import annotations

import contextlib
import getpass
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from fusionbench.contract.errors import UserError
from fusionbench.track.connection import experiment_id, get_client, undisturbed
from fusionbench.track.view import experiment_tags

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

Param: TypeAlias = str | int | float | bool | None

_FLUSH_SECONDS = 2.0
"""a batch costs about 7 ms on sqlite, so a short epoch must not pay for one of its own"""
_METRICS_A_BATCH = 1000  # MLflow's limit, mlflow.utils.validation.MAX_METRICS_PER_BATCH
_PARAMS_A_BATCH = 100  # MLflow's limit, mlflow.utils.validation.MAX_PARAMS_TAGS_PER_BATCH
_DIGEST_LENGTH = 12  # MLflow allows 36 characters; 12 still read well in the Dataset column
_ERROR_LENGTH = 500
_FIGURE_DPI = 120


@dataclass(frozen=True)
class DatasetNote:
    """What MLflow's Dataset column says about the data of a run."""

    name: str
    digest: str
    """fingerprint of the data; cut to 12 characters"""
    tags: Mapping[str, str] = field(default_factory=dict)
    """where the data came from, in words"""


class TrackedRun:
    """An open MLflow run. Made by `open_run`, which also ends it."""

    def __init__(self, client: MlflowClient, run: Run, logged_steps: Mapping[str, int]) -> None:
        self.run_id = str(run.info.run_id)
        self.experiment_id = str(run.info.experiment_id)
        self._client = client
        self._logged_steps = dict(logged_steps)
        self._pending: list[Metric] = []
        self._flushed_at = time.monotonic()
        self._tables: list[dict[str, str]] = json.loads(run.data.tags.get("mlflow.loggedArtifacts", "[]"))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs numbers, fractions rounded to four digits for the eye: exact ones belong into an artifact.

        They are sent in batches, at the latest with the first call after two seconds. A step that
        a re-opened run already holds is left out, so that a resumed epoch is drawn once.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for name, value in metrics.items():
            if step is None or step > self._logged_steps.get(name, -1):
                self._pending.append(Metric(name, _rounded(value), now, step or 0))
        if time.monotonic() - self._flushed_at > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Sends the metrics that wait; call it before a checkpoint that must not be ahead of them."""
        while self._pending:
            with undisturbed():
                self._client.log_batch(self.run_id, metrics=self._pending[:_METRICS_A_BATCH])
            del self._pending[:_METRICS_A_BATCH]
        self._flushed_at = time.monotonic()

    def log_params(self, params: Mapping[str, Param]) -> None:
        """Logs parameters; None is written ``none``, since a hole would spoil MLflow's comparison plots."""
        from mlflow.entities import Param as MlflowParam

        entries = [MlflowParam(name, _as_text(value)) for name, value in params.items()]
        for start in range(0, len(entries), _PARAMS_A_BATCH):
            with undisturbed():
                self._client.log_batch(self.run_id, params=entries[start : start + _PARAMS_A_BATCH])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets or overwrites tags."""
        from mlflow.entities import RunTag

        entries = [RunTag(name, value) for name, value in tags.items()]
        with undisturbed():
            self._client.log_batch(self.run_id, tags=entries)

    def log_json(self, obj: Any, path: str) -> None:
        """Writes an object as the JSON artifact ``path``."""
        self.log_text(json.dumps(obj, indent=1), path)

    def log_text(self, text: str, path: str) -> None:
        """Writes the text artifact ``path``."""
        with _to_upload(path) as (local, folder):
            local.write_text(text, encoding="utf-8")
            self.log_file(local, folder)

    def log_table(self, columns: Mapping[str, Sequence[Any]], path: str) -> None:
        """Writes columns of equal length as the .json artifact ``path``, shown as a table in the browser."""
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        self.log_text(json.dumps({"columns": list(columns), "data": rows}), path)
        entry = {"path": path, "type": "table"}
        if entry not in self._tables:
            self._tables.append(entry)
            self.set_tags({"mlflow.loggedArtifacts": json.dumps(self._tables)})

    def log_figure(self, figure: Figure, path: str) -> None:
        """Draws a figure into the artifact ``path``; the suffix chooses the format (.png, .svg, .pdf)."""
        with _to_upload(path) as (local, folder):
            figure.savefig(local, dpi=_FIGURE_DPI)
            self.log_file(local, folder)

    def log_file(self, local_path: Path, folder: str | None = None) -> None:
        """Copies a file into the artifact folder ``folder`` (None: the top)."""
        self._client.log_artifact(self.run_id, str(local_path), folder)

    def _end(self, status: str) -> None:
        try:
            self.flush()
        finally:
            with undisturbed():
                self._client.set_terminated(self.run_id, status)


@contextlib.contextmanager
def open_run(
    *,
    experiment: str,
    name: str,
    params: Mapping[str, Param],
    tags: Mapping[str, str],
    parent: str | None = None,
    run_id: str | None = None,
    dataset: DatasetNote | None = None,
) -> Iterator[TrackedRun]:
    """Opens an MLflow run and ends it: FINISHED, FAILED on an exception, KILLED on Ctrl-C.

    Args:
        experiment: MLflow experiment, one a dataset (``afew``, ``afew (stand-in)``).
        name: as shown in the runs table, ``arpg/afew/s0``.
        params: flat and short: what a reader compares runs by.
        tags: ``fusionbench.*``; ``fusionbench.commit`` fills MLflow's Version column too.
        parent: run id of the comparison or of the folds this run belongs to.
        run_id: an interrupted run to go on with, instead of opening a new one.
        dataset: what the Dataset column shows.

    Raises:
        UserError: no run ``run_id``, or the tracking address cannot be used.
    """
    client = get_client()
    if run_id is None:
        run = _create(client, experiment, name, tags, parent, dataset)
    else:
        run = _reopen(client, run_id, tags)
    tracked = TrackedRun(client, run, _last_steps(client, run) if run_id else {})
    try:
        tracked.log_params(params)
        yield tracked
    except KeyboardInterrupt:
        tracked._end("KILLED")
        raise
    except BaseException as error:  # whatever ended the run, the table must not show it as running
        tracked.set_tags({"fusionbench.error": f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]})
        tracked._end("FAILED")
        raise
    else:
        tracked._end("FINISHED")


def _create(
    client: MlflowClient,
    experiment: str,
    name: str,
    tags: Mapping[str, str],
    parent: str | None,
    dataset: DatasetNote | None,
) -> Run:
    own = {"mlflow.user": _user(), "mlflow.source.name": "fusionbench", "mlflow.source.type": "LOCAL"}
    if "fusionbench.commit" in tags:
        own["mlflow.source.git.commit"] = tags["fusionbench.commit"]
    if parent is not None:
        own["mlflow.parentRunId"] = parent
    where = experiment_id(experiment, experiment_tags())
    with undisturbed():
        run = client.create_run(where, tags={**own, **tags}, run_name=name)
    if dataset is not None:
        from mlflow.entities import Dataset, DatasetInput

        source = json.dumps({"tags": dict(dataset.tags)})
        entity = Dataset(dataset.name, dataset.digest[:_DIGEST_LENGTH], source_type="code", source=source)
        client.log_inputs(run.info.run_id, datasets=[DatasetInput(entity, tags=[])])
    return run


def _reopen(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> Run:
    from mlflow.exceptions import MlflowException

    try:
        with undisturbed():
            client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        raise UserError(
            f"cannot go on with run {run_id!r}: {error}. "
            "Look the run id up with `fusionbench ui`, or start anew without it."
        ) from error
    for key, value in tags.items():
        client.set_tag(run_id, key, value)
    return client.get_run(run_id)


def _last_steps(client: MlflowClient, run: Run) -> dict[str, int]:
    """The last step a re-opened run holds of each metric."""
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {name: max(point.step for point in points) for name, points in histories.items() if points}


@contextlib.contextmanager
def _to_upload(path: str) -> Iterator[tuple[Path, str | None]]:
    """A local file to fill, named as the artifact, and the artifact folder it belongs into."""
    artifact = PurePosixPath(path)
    folder = None if artifact.parent == PurePosixPath(".") else str(artifact.parent)
    with tempfile.TemporaryDirectory(prefix="fusionbench-") as scratch:
        yield Path(scratch) / artifact.name, folder


def _rounded(value: float) -> float:
    return float(value) if float(value).is_integer() else float(f"{value:.4g}")


def _as_text(value: Param) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"
