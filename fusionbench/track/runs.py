"""Writes into an open MLflow run: parameters, metrics in batches, tags, artifacts."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from fusionbench.track.delivery import Delivery

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Run

Param: TypeAlias = str | int | float | bool | None

_FLUSH_SECONDS = 5.0
"""a batch costs about 25 ms on sqlite, so a short epoch must not pay for one of its own"""
_METRICS_A_BATCH = 1000  # MLflow's limit, mlflow.utils.validation.MAX_METRICS_PER_BATCH
_DIGEST_LENGTH = 12  # MLflow allows 36 characters; 12 still read well in the Dataset column
_PARAMS_A_BATCH = 100  # MLflow's limit, mlflow.utils.validation.MAX_PARAMS_TAGS_PER_BATCH


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

    def __init__(self, run: Run, delivery: Delivery, logged_steps: Mapping[str, int]) -> None:
        self.run_id = str(run.info.run_id)
        self.experiment_id = str(run.info.experiment_id)
        self.handed_in = False
        """whether the tracker has everything, known when the run has ended"""
        self.reopened = False
        """whether it was interrupted before, and is gone on with"""
        self._delivery = delivery
        self._params = dict(run.data.params)
        self._logged_steps = dict(logged_steps)
        self._pending: list[tuple[str, float, int, int]] = []
        self._flushed_at = time.monotonic()
        self._tables: list[dict[str, str]] = json.loads(run.data.tags.get("mlflow.loggedArtifacts", "[]"))

    def note_dataset(self, note: DatasetNote) -> None:
        """Fills the Dataset column."""
        self._delivery.send(
            {
                "do": "dataset",
                "name": note.name,
                "digest": note.digest[:_DIGEST_LENGTH],
                "source": json.dumps({"tags": dict(note.tags)}),
            }
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs numbers, fractions rounded to four digits for the eye: exact ones belong into an artifact.

        They are sent in batches, at the latest with the first call after five seconds. A step that
        a re-opened run already holds is left out, so that a resumed epoch is drawn once.
        """
        now = int(time.time() * 1000)
        for name, value in metrics.items():
            if step is None or step > self._logged_steps.get(name, -1):
                self._pending.append((name, _rounded(value), now, step or 0))
        if time.monotonic() - self._flushed_at > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Sends the metrics that wait; call it before a checkpoint that must not be ahead of them."""
        while self._pending:
            self._delivery.send({"do": "metrics", "metrics": self._pending[:_METRICS_A_BATCH]})
            del self._pending[:_METRICS_A_BATCH]
        self._flushed_at = time.monotonic()

    def log_params(self, params: Mapping[str, Param]) -> None:
        """Logs parameters; None is written ``none``, since a hole would spoil MLflow's comparison plots.

        MLflow never changes a parameter: one that a re-opened run already holds is left as it is.
        """
        entries = [(name, _as_text(value)) for name, value in params.items() if name not in self._params]
        self._params.update(entries)
        for start in range(0, len(entries), _PARAMS_A_BATCH):
            self._delivery.send({"do": "params", "params": dict(entries[start : start + _PARAMS_A_BATCH])})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets or overwrites tags."""
        self._delivery.send({"do": "tags", "tags": dict(tags)})

    def log_json(self, obj: Any, path: str) -> None:
        """Writes an object as the JSON artifact ``path``; paths and the like as their text."""
        self.log_text(json.dumps(obj, indent=1, default=str), path)

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

    def log_figure(self, make: Callable[[], Figure], *paths: str) -> None:
        """Draws a figure into artifacts of one folder; a suffix chooses the format (.png, .svg, .pdf).

        One that cannot be drawn is told and left out: a picture is not worth the run.
        """
        from fusionbench.figures.files import drawn

        with _to_upload(paths[0]) as (local, folder):
            files = [local.with_name(PurePosixPath(path).name) for path in paths]
            if drawn(make, self._delivery.warn, *files):
                for file in files:
                    self.log_file(file, folder)

    def log_file(self, local_path: Path, folder: str | None = None) -> None:
        """Copies a file into the artifact folder ``folder`` (None: the top)."""
        self._delivery.send({"do": "artifact", "file": str(local_path), "folder": folder})

    def end(self, status: str) -> None:
        """Sends what waits, and the status the run ends with."""
        try:
            self.flush()
        finally:
            self._delivery.send({"do": "end", "status": status})


def add_file(run_id: str, local_path: Path, folder: str | None = None) -> None:
    """Copies a file into the artifacts of a run that has ended; one of its name is replaced.

    Raises:
        MlflowException: there is no such run, or the tracker refuses.
    """
    from fusionbench.track.connection import get_client

    get_client().log_artifact(run_id, str(local_path), folder)


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
