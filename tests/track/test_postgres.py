"""Runs and studies in PostgreSQL: one record however many begin at once, artifacts in one folder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fusionbench.catalog.resolve import Request
from fusionbench.study.design import design
from fusionbench.study.tune import tune
from fusionbench.study.tuning import Tuning
from fusionbench.track.records import find_runs, get_run
from tests import fakes
from tests.servers import free_port, mlflow_server, stop

pytestmark = pytest.mark.slow
BEGIN = "from fusionbench.track.connection import experiment_id; print(experiment_id('afew', {}))"


def test_processes_that_begin_at_once_share_a_fresh_database(postgres, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.database())
    command = [sys.executable, "-c", BEGIN]
    began = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(child.communicate()[0], child.returncode) for child in began] == [("1\n", 0)] * 2


def test_a_study_on_the_servers_of_a_cluster_is_as_in_files(postgres, tmp_path, monkeypatch):
    asked = Tuning(space={"fusion.trs": [0, 1]}, confirm=0)
    base = {"dataset": "squares", "fold": "s0", "training.epochs": 1, "fusion": "arpg"}
    planned = design(Request(base), asked, fakes.catalog(), "study")
    runs, studies, port = postgres.database(), postgres.database(), free_port()
    server = mlflow_server(runs, tmp_path / "artifacts", port)
    try:
        with monkeypatch.context() as on_servers:
            on_servers.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
            made = tune(planned, storage=studies)
            assert {run.status for run in find_runs()} == {"FINISHED"} and len(find_runs()) == 4
            assert get_run(made.run_id).artifacts.startswith("mlflow-artifacts:")
            again = tune(planned, storage=studies)
            assert len(find_runs()) == 4 and again.outcomes[0].folds[0].reused
    finally:
        stop(server)
    assert list((tmp_path / "artifacts").rglob("tuned.json"))
    kept = postgres.ask("SELECT state, count(*) FROM trials GROUP BY state", studies.rpartition("/")[2])
    assert kept == [("COMPLETE", 2)]
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "other"))
    alone = tune(planned)
    assert alone.folds[0].trials[0].scores == made.folds[0].trials[0].scores
    assert (alone.best, alone.score, alone.report) == (made.best, made.score, made.report)
    assert not [name for name in os.listdir() if name.startswith("mlruns")], "nothing lies here"
