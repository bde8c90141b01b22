"""Where runs go, and many processes that start at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.track.connection import database_file, get_client, tracking_uri, undisturbed
from fusionbench.track.records import find_runs

START_FOUR = """
import multiprocessing
import mlflow.store.tracking.sqlalchemy_store  # the slow part, done once: all four then start together
from fusionbench.track.opening import open_run

def start(number):
    with open_run(experiment="afew", name=f"run {number}", params={}, tags={}) as run:
        run.log_metrics({"train/loss": 1.0}, step=0)

processes = [multiprocessing.get_context("fork").Process(target=start, args=[n]) for n in range(4)]
for process in processes:
    process.start()
for process in processes:
    process.join()
raise SystemExit(sum(process.exitcode != 0 for process in processes))
"""


def test_the_default_is_mlflows_own_file_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert database_file(tracking_uri()) == tmp_path / "mlflow.db"


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////data/my%20runs/mlflow.db", Path("/data/my runs/mlflow.db")),
        ("sqlite:///mlflow.db", Path("mlflow.db")),
        ("sqlite:////data/100% #1/runs.db?timeout=5", Path("/data/100% #1/runs.db")),
        ("postgresql://user@host/mlflow", None),
        ("http://127.0.0.1:5000", None),
    ],
)
def test_the_file_behind_an_address(uri, file):
    assert database_file(uri) == file


def test_looking_for_runs_makes_no_database(tmp_path):
    assert find_runs(tags={"fusionbench.identity": "x"}) == []
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_mlflow_refuses_is_the_users_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/mlruns")
    with pytest.raises(UserError, match=r"MLflow cannot use file://.*Set MLFLOW_TRACKING_URI"):
        get_client()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hunter2@localhost:1/runs",
        "postgresql://me:hunter%32@localhost:1/runs",
        "postgresql://me@localhost:1/runs?password=hunter2",
        "mysql+pymysql://me:hunter2@localhost:1/runs",
        "nonsense://me:hunter2@localhost/runs",
        "http://me:hunter2@127.0.0.1:1",
        "http://hunter2@127.0.0.1:1/?token=hunter2",
        "http://me:hunter2@127.0.0.1:x",
        "sqlite:////absent/folder?token=hunter2",
    ],
)
def test_no_error_of_any_library_tells_a_password(address, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError, match=r"MLflow cannot use|no MLflow server answers") as caught:
        get_client()
    assert "hunter" not in str(caught.value)


def test_a_file_that_is_no_database_is_the_users_error(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database")
    with pytest.raises(UserError, match=r"MLflow cannot use sqlite:.*file is not a database"):
        get_client()


@pytest.mark.slow
def test_processes_that_start_at_once_share_a_fresh_database_and_keep_quiet():
    said = subprocess.run([sys.executable, "-c", START_FOUR], capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    finished = find_runs(experiment="afew", status="FINISHED")
    assert sorted(r.name for r in finished) == ["run 0", "run 1", "run 2", "run 3"]


def test_ctrl_c_waits_for_a_write_to_a_database_file(database):
    written = False
    with pytest.raises(KeyboardInterrupt), undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        written = True
    assert written


def test_ctrl_c_does_not_wait_for_a_server(monkeypatch):
    monkeypatch.setattr("fusionbench.track.connection.tracking_uri", lambda: "http://127.0.0.1:5000")
    written = False
    with pytest.raises(KeyboardInterrupt), undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        written = True
    assert not written


def test_without_its_driver_a_database_names_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:hunter2@localhost:1/driverless")
    with pytest.raises(
        UserError, match=r"its driver is missing.*pip install 'fusionbench\[cluster\]'"
    ) as told:
        get_client()
    assert "hunter2" not in str(told.value)
