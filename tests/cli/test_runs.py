"""``runs`` and ``run-info``, and a run that is given twice."""

from __future__ import annotations

import pytest

from fusionbench.track.opening import open_run
from fusionbench.track.records import find_runs

QUICK = ["--fusion", "concat", "--dataset", "afew", "--epochs", "1"]


def finished(name: str, **metrics: float) -> str:
    with open_run(experiment="afew", name=name, params={"seed": 0}, tags={"fusionbench.kind": "run"}) as run:
        run.log_metrics({f"report/{key}": value for key, value in metrics.items()})
    return run.run_id


def test_runs_are_listed_with_ids_and_scores_the_newest_first(cli):
    first, second = finished("arpg/afew/s0", accuracy=0.5), finished("mult/afew/s0", accuracy=0.25)
    ended = cli("runs")
    rows = [line.split() for line in ended.out.splitlines() if "/afew/" in line]
    assert [row[:2] for row in rows] == [[second[:12], "mult/afew/s0"], [first[:12], "arpg/afew/s0"]]
    assert "25.0" in rows[0] and "50.0" in rows[1]
    assert [run["run_id"] for run in cli("runs", "--most", "1", "--json").json] == [second]
    assert cli("runs", "--kind", "comparison", "--json").json == []


def test_a_run_that_is_judged_by_another_metric_is_known_by_that(cli):
    tags = {"fusionbench.kind": "run", "fusionbench.metric": "uar"}
    with open_run(experiment="afew", name="arpg/afew/s0", params={"seed": 0}, tags=tags) as run:
        run.log_metrics({"report/accuracy": 0.5, "report/uar": 0.25})
    (row,) = [line for line in cli("runs").out.splitlines() if "/afew/" in line]
    assert "25.0 % UAR" in row and "50.0" not in row


def test_a_study_is_listed_with_the_score_of_what_it_chose_and_a_trial_with_none(cli):
    for kind, metrics in (("study", {"chosen_report/accuracy": 0.5}), ("trial", {"trial/accuracy": 0.75})):
        with open_run(experiment="afew", name=kind, params={}, tags={"fusionbench.kind": kind}) as run:
            run.log_metrics(metrics)
    trial, study = (line for line in cli("runs").out.splitlines() if "finished" in line)
    assert "50.0 %" in study and "75.0" not in trial
    assert [run["name"] for run in cli("runs", "--kind", "study", "--json").json] == ["study"]


def test_one_run_is_shown_by_its_id_or_the_beginning_of_it(cli):
    run_id = finished("arpg/afew/s0", accuracy=0.5)
    shown = cli("run-info", run_id[:10])
    assert shown.code == 0 and run_id in shown.out and "report/accuracy" in shown.out
    assert cli("run-info", run_id, "--json").json["params"] == {"seed": "0"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run-info", "nowhere"], "no run 'nowhere' at sqlite:"),
        (["runs", "--experiment", "afw"], "no MLflow experiment named 'afw'. Did you mean 'afew'?"),
    ],
)
def test_what_is_not_there_is_told(cli, arguments, message):
    finished("arpg/afew/s0")
    ended = cli(*arguments)
    assert ended.code == 2 and message in ended.err


def test_nothing_is_made_by_looking(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    ended = cli("runs")
    assert ended.code == 0 and "0 run(s)" in ended.out and "fusionbench run --fusion" in ended.out
    assert not (tmp_path / "none.db").exists()


@pytest.mark.slow
def test_a_finished_run_is_taken_and_trained_only_again(cli, stand_in):
    first = cli("run", *QUICK, "--data-root", stand_in, "--json").json
    second = cli("run", *QUICK, "--data-root", stand_in, "--json").json
    assert (first["reused"], second["reused"]) == (False, True)
    assert second["run_id"] == first["run_id"] and second["metrics"] == first["metrics"]
    assert "--again trains it" in cli("run", *QUICK, "--data-root", stand_in).out
    third = cli("run", *QUICK, "--data-root", stand_in, "--again", "--json").json
    assert third["run_id"] != first["run_id"] and third["metrics"] == first["metrics"]
    assert len(find_runs(status="FINISHED")) == 2
