"""``tune`` on the command line: what it prints, and that no kill loses, repeats or leaves anything."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import yaml

from fusionbench.track.records import find_runs, read_file, read_json
from tests.cli.test_compare import command_line, of_session
from tests.processes import wait_for

SPACE = "fusion.trs: [0, null]\nfusion.heads: [1, 2]\n"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    return file


def test_a_dry_run_says_what_would_be_searched_and_trains_nothing(cli, stand_in, space):
    asked = ["--fusion", "arpg", "--dataset", "afew", "--data-root", stand_in, "--space", space]
    ended = cli("tune", *asked, "--seeds", 2, "--dry-run", "--json")
    assert ended.code == 0 and find_runs() == []
    assert ended.json["space"] == {"fusion.trs": [0, None], "fusion.heads": [1, 2]}
    assert (ended.json["sampler"], ended.json["trials"], ended.json["seeds"]) == ("grid", 4, [0, 1])
    assert "0, null" in cli("tune", *asked, "--dry-run").out


@pytest.mark.slow
def test_one_object_of_the_choice_and_a_file_to_run_it(cli, stand_in, space, tmp_path):
    asked = ["--fusion", "arpg", "--dataset", "afew", "--data-root", stand_in, "--space", space]
    file = tmp_path / "tuned.yaml"
    ended = cli(
        "tune", *asked, "--trials", 2, "--confirm", 1, "--epochs", 1, "--name", "x", "--save", file, "--json"
    )
    assert ended.code == 0, ended.err
    said = ended.json
    assert list(said) == ["study", "trials", "best", "score", "confirmed", "report"]
    assert said["study"] == "x" and said["trials"] == 2
    assert set(said["best"]) == {"fusion.trs", "fusion.heads"}
    assert all(0 <= said[key] <= 1 for key in ("score", "confirmed", "report"))
    assert yaml.safe_load(file.read_text())["fusion"]["trs"] == said["best"]["fusion.trs"]
    again = cli("run", "--config", file, "--json").json
    assert again["reused"] and again["metrics"]["report/accuracy"] == said["report"]
    same = ["--trials", 2, "--confirm", 1, "--epochs", 1, "--name", "x", "--report", "first"]
    table = cli("tune", *asked, *same).out
    assert "from selection to report" in table
    assert "next: fusionbench run --fusion arpg --dataset afew" in table
    assert "fusionbench report x\n" in table and "report: first/index.html" in table
    assert cli("report", "x", "--out", "second").out == "second/index.html\n"
    page = Path("first/index.html").read_bytes()
    (study,) = find_runs(tags={"fusionbench.kind": "study"})
    kept = read_file(study.run_id, "report/index.html").read_bytes()
    assert page == Path("second/index.html").read_bytes() == kept
    found = cli("tune", "first/search.yaml", "--name", "x", "--json")
    assert found.json == said, "the file beside the page finds all of it finished"
    refused = cli("tune", *asked, "--trials", 2, "--epochs", 2, "--name", "x")
    assert refused.code == 2 and "training.epochs was 1 and is 2 now" in refused.err


def test_what_can_not_be_is_refused_before_anything_is_trained(cli, stand_in, space, tmp_path):
    asked = ["--fusion", "arpg", "--dataset", "afew", "--data-root", stand_in, "--space", space]
    for wrong, message in [
        (["--save", tmp_path / "no" / "x.yaml"], "no folder"),
        (["--save", tmp_path / "x.txt"], "Formats: .yaml, .yml"),
        (["--storage", "sqlite:///x"], "no address of a PostgreSQL database"),
        (["--sampler", "gird"], "Did you mean 'grid'"),
        (["--set", "fusion.trs=1"], "fusion.trs is searched, and set to 1 (--set) too"),
    ]:
        ended = cli("tune", *asked, *wrong)
        assert ended.code == 2 and message in ended.err, ended.err
    of_compare = cli("tune", "smoke")
    assert of_compare.code == 2 and "`fusionbench compare`" in of_compare.err
    of_tune = cli("compare", "afew_trs_patches")
    assert of_tune.code == 2 and "fusionbench tune afew_trs_patches" in of_tune.err
    assert find_runs() == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux lists processes in /proc")
def test_killed_parent_and_killed_worker_are_gone_on_with_as_undisturbed(
    start, cli, drawn_afew, tmp_path, monkeypatch, space
):
    asked = ["--fusion", "arpg", "--dataset", "afew", "--data-root", drawn_afew, "--space", space]
    asked += ["--epochs", 60, "--confirm", 0, "--name", "x", "--json"]
    cache = tmp_path / "cache"

    def states() -> list[str]:
        return [record.status for record in find_runs(tags={"fusionbench.kind": "trial"})]

    def of_study() -> dict:
        (study,) = find_runs(tags={"fusionbench.kind": "study"})
        return read_json(study.run_id, "tuned.json")["folds"][0]

    def checkpoints() -> set[Path]:
        return set(cache.glob("unfinished/*/state.pt"))

    def wait_for_another_trial() -> None:
        """It has just written its first checkpoint, so it is still at work when it is killed."""
        seen = checkpoints()
        wait_for(lambda: checkpoints() - seen)

    child = start(cache, "tune", *asked)
    wait_for(lambda: "FINISHED" in states())
    wait_for_another_trial()
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    assert "RUNNING" in states()

    child = start(cache, "tune", *asked, "--workers", 2)
    wait_for_another_trial()
    worker = next(pid for pid in of_session(child.pid) if b"spawn_main" in command_line(pid))
    os.kill(worker, signal.SIGKILL)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert "was killed; it is tried once more" in err
    disturbed = json.loads(out), of_study()
    assert states() == ["FINISHED"] * 4, "no run left open, none twice"
    assert {record.status for record in find_runs()} == {"FINISHED"}
    assert sum(trial["killed"] for trial in disturbed[1]["trials"]) == 1, "by the parent's end"
    assert not list(cache.glob("studies/*.seat"))

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'fresh.db'}")
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "other"))
    undisturbed = cli("tune", *asked).json, of_study()

    def trials(fold):
        return [(trial["number"], trial["point"], trial["scores"]) for trial in fold["trials"]]

    assert disturbed[0] == undisturbed[0] and trials(disturbed[1]) == trials(undisturbed[1])


def test_a_comparison_tells_every_row_its_budget_before_anything_is_trained(cli, stand_in, tmp_path):
    asked = ["--fusion", "concat", "--fusion", "hse_nn", "--dataset", "afew", "--data-root", stand_in]
    ended = cli("compare", *asked, "--tune", 12, "--seeds", 2, "--epochs", 3, "--dry-run", "--json")
    assert ended.code == 0 and find_runs() == [], ended.err
    concat, solved = ended.json["tune"]
    assert list(concat["space"]) == ["fusion.dropout", "training.lr", "training.weight_decay"]
    assert (concat["configurations"], concat["trials"], concat["epochs"]) == (12, 12, 42)
    assert (solved["space"], solved["epochs"]) == (
        {"fusion.c": {"low": 0.01, "high": 100.0, "log": True}},
        14,
    )
    table = cli("compare", *asked, "--tune", 12, "--seeds", 2, "--epochs", 3, "--dry-run").out
    assert "24 trials, then 4 runs of what is chosen; 56 epochs" in " ".join(table.split())
    file = tmp_path / "x.yaml"
    file.write_text("# Q?\nrows: [{fusion: concat}, {fusion: hse_nn}]\ntune: {trials: 12}\n")
    data = ["--dataset", "afew", "--data-root", stand_in, "--dry-run", "--json"]
    assert [row["trials"] for row in cli("compare", file, *data).json["tune"]] == [12, 12]
    assert cli("compare", file, *data, "--tune", 0).json["tune"] == []
    refused = cli("compare", file, *data, "--fusion", "arpg")
    assert refused.code == 2 and "lists its rows one by one" in refused.err
