"""Artifacts lie beside the database, and are found there after the project was moved or copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.track.connection import get_client
from fusionbench.track.opening import open_run
from fusionbench.track.places import artifact_location, local_path
from fusionbench.track.records import get_run, read_json


def logged(experiment: str = "watch (streams)") -> str:
    with open_run(experiment=experiment, name="x", params={}, tags={}) as run:
        run.log_json({"digits": 1}, "outcome.json")
    return run.run_id


def project(template: Path, folder: Path, monkeypatch) -> Path:
    folder.mkdir(parents=True)
    shutil.copy(template, folder / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    return folder


@pytest.mark.parametrize("name", ["project", "100% données #1 特征"])
def test_artifacts_lie_beside_the_database(template, tmp_path, monkeypatch, name):
    folder = project(template, tmp_path / name, monkeypatch)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run_id = logged()
    assert list(elsewhere.iterdir()) == []
    assert len(list(folder.glob(f"mlartifacts/watch-streams-*/{run_id}/artifacts/outcome.json"))) == 1
    assert read_json(run_id, "outcome.json") == {"digits": 1}


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_project_that_was_moved_or_copied_opens_and_writes_where_it_is(
    template, tmp_path, monkeypatch, how
):
    old = project(template, tmp_path / "old", monkeypatch)
    run_id = logged()
    new = tmp_path / "new"
    how(old, new)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{new / 'mlflow.db'}")
    assert local_path(get_run(run_id).artifacts) == next(new.glob(f"mlartifacts/*/{run_id}/artifacts"))
    assert read_json(run_id, "outcome.json") == {"digits": 1}
    before = set(old.rglob("*")) if old.exists() else set()
    later = logged()
    assert list(new.glob(f"mlartifacts/*/{later}/artifacts/outcome.json"))
    assert (set(old.rglob("*")) if old.exists() else set()) == before


def test_where_artifacts_cannot_be_written_is_told_before_a_run_is_made(database):
    blocked = database.parent / "mlartifacts"
    blocked.write_text("a file")
    with pytest.raises(UserError, match=r"experiment 'afew' lie in .*cannot be written"):
        logged("afew")
    assert get_client().search_runs([e.experiment_id for e in get_client().search_experiments()]) == []


def test_experiments_of_like_names_do_not_share_a_folder():
    one, two = (artifact_location(Path("/x/mlflow.db"), name) for name in ("a b", "a-b"))
    assert one != two and one.startswith("file:///x/mlartifacts/a-b-")
    assert artifact_location(None, "afew") is None
