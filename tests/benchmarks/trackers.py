"""What is measured: planning a comparison over a tracker that holds thousands of finished runs."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

from fusionbench.contract.watch import Watch
from fusionbench.study.experiment import Experiment
from fusionbench.study.plan import Plan, plan
from fusionbench.track.connection import get_client
from tests.benchmarks.epochs import write_store

HEADS = ("concat", "late", "arpg", "mult", "temma", "gru", "multi_attention")
SEEDS = 5
_TAGS, _PARAMS, _METRICS = 25, 45, 20
"""what a run of fusionbench leaves in the database"""


def add_runs(database: Path, count: int) -> None:
    """Finished runs of other identities; written past MLflow, which takes minutes for them."""
    ids = [uuid.uuid4().hex for _ in range(count)]
    rows = {
        "runs (run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri,"
        " experiment_id)": [(run, "run", "me", "FINISHED", 1, 2, "active", "", 0) for run in ids],
        "tags (key, value, run_uuid)": [
            (key, value, run)
            for run in ids
            for key, value in [
                ("fusionbench.kind", "run"),
                ("fusionbench.identity", run[:24]),
                *((f"tag {k}", f"value {k}") for k in range(_TAGS)),
            ]
        ],
        "params (key, value, run_uuid)": [
            (f"option.{k}", f"value {k}", run) for run in ids for k in range(_PARAMS)
        ],
        "latest_metrics (key, value, timestamp, step, is_nan, run_uuid)": [
            (f"metric {k}", 0.5, 1, 1, 0, run) for run in ids for k in range(_METRICS)
        ],
    }
    with closing(sqlite3.connect(database)) as tables, tables:
        for into, values in rows.items():
            places = ", ".join("?" * len(values[0]))
            tables.executemany(f"INSERT INTO {into} VALUES ({places})", values)


@contextmanager
def planner(*, heads: tuple[str, ...] = HEADS) -> Iterator[tuple[Path, Callable[[], Plan]]]:
    """A database of its own, and a call that plans the comparison of all heads and seeds."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        database = root / "mlflow.db"
        own = {"MLFLOW_TRACKING_URI": f"sqlite:///{database}", "FUSIONBENCH_CACHE": str(root / "cache")}
        with mock.patch.dict(os.environ, own):
            get_client()
            store = write_store(root / "streams")
            base = {"dataset": "streams", "data.root": str(store)}
            vary = {"fusion": list(heads), "seed": list(range(SEEDS))}
            experiment = Experiment("planned", "", base, {}, vary)
            yield database, lambda: plan(experiment, Watch())
