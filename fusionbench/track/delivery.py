"""Carries what a run logs to the tracker, in order; what a server that went away can't take is kept.

Training goes on while a server is away. At the end it is waited for; if it does not come back,
everything that it lacks is written into a folder, and the same command hands it in later.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.contract.errors import UserError
from fusionbench.track.connection import answers, get_client, tracking_uri, undisturbed

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PATIENCE = "FUSIONBENCH_TRACKER_PATIENCE"
PATIENCE_SECONDS = 120.0
"""how long a finished run waits for its server, unless ``$FUSIONBENCH_TRACKER_PATIENCE`` says otherwise"""
_PAUSE_SECONDS = 5.0
"""between two tries, so that a server that is away costs training next to nothing"""
_LIST = "operations.jsonl"
_COLLISION = "BAD_REQUEST"
"""MLflow's code where its database refuses a row, mlflow.store.db.utils._get_managed_session_maker"""

Operation = Mapping[str, Any]
"""``do`` says what (see `perform`); the rest, with what"""


class Delivery:
    """Hands the writes of one run to the tracker.

    Args:
        client: of the tracker.
        run_id: the run.
        outbox: folder for what could not be handed in; made only then.
        warn: told when the server goes away, comes back, or stays away.
    """

    def __init__(self, client: MlflowClient, run_id: str, outbox: Path | None, warn: Callable[[str], None]):
        self._client = client
        self._run_id = run_id
        self._outbox = outbox
        self.warn = warn
        self._waiting: deque[Operation] = deque()
        self._parcels = 0
        self._next_try = 0.0

    def send(self, operation: Operation) -> None:
        """Hand in, or queue behind what waits already.

        Raises:
            MlflowException: the tracker is there and refuses.
        """
        if not self._waiting and self._try(operation):
            return
        self._waiting.append(self._kept(operation) if operation["do"] == "artifact" else operation)
        self.drain()

    def drain(self) -> bool:
        """Hand in what waits, if it is time to try again; True when nothing waits any more."""
        if self._waiting and time.monotonic() >= self._next_try:
            while self._waiting and self._try(self._waiting[0]):
                self._waiting.popleft()
            if not self._waiting:
                self.warn("the MLflow server is back; everything was handed in")
        return not self._waiting

    def settle(self) -> bool:
        """Wait for the server; what it still lacks then goes into the outbox. True where it lacks nothing."""
        if not self._waiting:
            return True
        deadline = time.monotonic() + float(os.environ.get(PATIENCE, PATIENCE_SECONDS))
        while not self.drain() and time.monotonic() < deadline:
            time.sleep(0.2)
        if not self._waiting:
            return True
        folder = self._folder()
        lines = "".join(json.dumps(operation) + "\n" for operation in self._waiting)
        aside = folder / f"{_LIST}.partial"
        aside.write_text(lines, encoding="utf-8")
        os.replace(aside, folder / _LIST)
        self.warn(
            f"the MLflow server does not answer. The finished run is kept in {folder}; "
            "the same command hands it in when the server is back"
        )
        return False

    def _try(self, operation: Operation) -> bool:
        """Whether the tracker took it; False where there is no server to ask."""
        try:
            perform(self._client, self._run_id, operation)
        except Exception:
            if answers(tracking_uri(), seconds=2):
                raise
            if not self._waiting:
                self.warn("the MLflow server went away; the run goes on and will hand in what it lacks")
            self._next_try = time.monotonic() + _PAUSE_SECONDS
            return False
        return True

    def _kept(self, operation: Operation) -> Operation:
        """The operation with a copy of its file that outlives the caller's."""
        self._parcels += 1
        place = self._folder() / f"{self._parcels:04d}"
        place.mkdir(exist_ok=True)
        return {**operation, "file": shutil.copy(operation["file"], place)}

    def _folder(self) -> Path:
        if self._outbox is None:
            self._outbox = Path(tempfile.mkdtemp(prefix="fusionbench-outbox-"))
        self._outbox.mkdir(parents=True, exist_ok=True)
        return self._outbox


def perform(client: MlflowClient, run_id: str, operation: Operation) -> None:
    """Do one operation on a run: ``dataset``, ``metrics``, ``params``, ``tags``, ``artifact`` or ``end``.

    MLflow looks whether a row is there and adds it if not, so of two processes that write the same
    at one time the slower is refused. Asked again it finds what the faster has added.
    """
    from mlflow.exceptions import MlflowException

    for again in (True, False):
        try:
            return _perform(client, run_id, operation)
        except MlflowException as error:
            if not again or error.error_code != _COLLISION:
                raise


def _perform(client: MlflowClient, run_id: str, operation: Operation) -> None:
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    kind = operation["do"]
    if kind == "artifact":
        client.log_artifact(run_id, operation["file"], operation["folder"])
        return
    with undisturbed():
        if kind == "dataset":
            data = Dataset(
                operation["name"], operation["digest"], source_type="code", source=operation["source"]
            )
            client.log_inputs(run_id, datasets=[DatasetInput(data, tags=[])])
        elif kind == "metrics":
            client.log_batch(run_id, metrics=[Metric(*values) for values in operation["metrics"]])
        elif kind == "params":
            client.log_batch(run_id, params=[Param(*pair) for pair in operation["params"].items()])
        elif kind == "tags":
            client.log_batch(run_id, tags=[RunTag(*pair) for pair in operation["tags"].items()])
        else:
            client.set_terminated(run_id, operation["status"])


def is_kept(outbox: Path) -> bool:
    """Whether a folder holds a finished run that its server has not got."""
    return (outbox / _LIST).is_file()


def hand_in(run_id: str, outbox: Path) -> None:
    """Give the tracker what was kept, then remove it; handing in twice does no harm.

    Raises:
        UserError: what was kept is damaged.
    """
    try:
        operations = [json.loads(line) for line in (outbox / _LIST).read_text(encoding="utf-8").splitlines()]
        for operation in operations:
            perform(get_client(), run_id, operation)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"what was kept of run {run_id} in {outbox} cannot be handed in: {error}. "
            "Delete that folder to train the run again."
        ) from error
    shutil.rmtree(outbox)
