"""Servers that go away: MLflow's in the middle of a run, and ours when its command is killed."""

from __future__ import annotations

import json
import urllib.request

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.track.connection import answers
from tests.processes import wait_for
from tests.servers import free_port, mlflow_server, stop

pytestmark = [pytest.mark.reliability, pytest.mark.slow, pytest.mark.usefixtures("database")]


def test_a_run_whose_server_goes_away_is_kept_and_handed_in_by_the_same_command(
    start, database, tmp_path, monkeypatch
):
    draw = np.random.default_rng(0)
    fb.write_stream_store(
        "watch",
        (
            {
                "id": f"c{k}",
                "label": "np"[k % 2],
                "split": "train" if k < 60 else "test",
                "streams": {"a": draw.normal(k % 2, 1, (8, 6))},
            }
            for k in range(80)
        ),
    )
    port = free_port()
    first = mlflow_server(f"sqlite:///{database}", database.parent / "kept", port)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("FUSIONBENCH_TRACKER_PATIENCE", "1")
    cache = tmp_path / "cache"
    command = [
        "run",
        "--fusion",
        "gru",
        "--dataset",
        "streams",
        "--data-root",
        "watch",
        "--epochs",
        "40",
        "--json",
    ]
    child = start(cache, *command)
    wait_for(lambda: list(cache.glob("unfinished/*/state.pt")))
    stop(first)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert "the MLflow server went away" in err and "the same command hands it in" in err
    assert list(cache.glob("unfinished/*/outbox/operations.jsonl"))
    second = mlflow_server(f"sqlite:///{database}", database.parent / "kept", port)
    try:
        again = start(cache, *command)
        handed, err = again.communicate(timeout=120)
        assert again.returncode == 0, err
        assert json.loads(handed)["reused"] and json.loads(handed)["metrics"] == json.loads(out)["metrics"]
        assert not list(cache.glob("unfinished/*/"))
    finally:
        stop(second)


def test_a_killed_ui_takes_its_server_along(start, tmp_path):
    port = free_port()
    child = start(tmp_path / "cache", "ui", "--port", port)
    health = f"http://127.0.0.1:{port}/health"
    assert child.stdout is not None
    wait_for(lambda: "Ctrl-C" in child.stdout.readline())
    with urllib.request.urlopen(health) as answer:
        assert answer.status == 200
    child.kill()
    child.communicate()
    wait_for(lambda: not answers(f"http://127.0.0.1:{port}", seconds=1), seconds=10)
