"""Finished runs are found by a tag in one question, whatever else the tracker holds."""

from __future__ import annotations

import pytest

from fusionbench.track import finished
from fusionbench.track.connection import get_client
from fusionbench.track.finished import finished_runs
from fusionbench.track.opening import open_run


def opened(identity: str, *, kind: str = "run", experiment: str = "afew"):
    """A new run with an identity."""
    return open_run(
        experiment=experiment, name=identity, params={}, tags={"identity": identity, "kind": kind}
    )


def done(identity: str, **given: str) -> str:
    with opened(identity, **given) as run:
        pass
    return run.run_id


def found(*identities: str) -> dict[str, str]:
    return finished_runs("identity", identities, {"kind": "run"})


@pytest.fixture(params=["in the database", "one by one", "in a list"])
def way(request, database, monkeypatch):
    """Each of the three ways to the same answer; a server is asked in the last two."""
    if request.param != "in the database":
        monkeypatch.setattr(finished, "is_database", lambda uri: False)
    if request.param == "in a list":
        monkeypatch.setattr(finished, "_MOST_ASKED", 0)
    monkeypatch.setattr(finished, "_AT_ONCE", 2)


def test_only_what_was_asked_for_and_is_finished_counts(way):
    mine, other = done("mine"), done("other", experiment="dfew")
    done("foreign")
    done("trial", kind="trial")
    with pytest.raises(ValueError), opened("failed"):
        raise ValueError
    deleted = done("deleted")
    get_client().delete_run(deleted)
    with opened("running"):
        asked = found("mine", "other", "trial", "failed", "deleted", "running", "never")
    assert asked == {"mine": mine, "other": other}
    assert found() == {}


def test_of_equal_runs_the_newest_is_taken(way):
    done("twice")
    newest = done("twice")
    assert found("twice") == {"twice": newest}


def test_runs_of_a_deleted_experiment_are_not_found(way):
    done("binned", experiment="old")
    get_client().delete_experiment(get_client().get_experiment_by_name("old").experiment_id)
    assert found("binned") == {}


def test_what_quotes_and_signs_a_value_holds_does_not_matter(way):
    odd = """it's 100 % ; --"""
    assert found(odd) == {}
    run = done(odd)
    assert found(odd) == {odd: run}


def test_nothing_is_made_where_nothing_was_logged(tmp_path):
    assert found("mine") == {}
    assert not (tmp_path / "mlflow.db").exists()
