"""``fusionbench run`` as a user meets it."""

from __future__ import annotations

import json
import os
import signal

import pytest

from fusionbench.track.records import find_runs, get_run
from tests.processes import wait_for

QUICK = ["--fusion", "arpg", "--dataset", "afew", "--epochs", "2"]


@pytest.mark.slow
def test_json_is_one_object_on_stdout_and_everything_else_on_stderr(cli, stand_in):
    ended = cli("run", *QUICK, "--data-root", stand_in, "--json")
    assert ended.code == 0, ended.err
    outcome = ended.json
    assert outcome["stand_in"] is True and outcome["experiment"] == "afew (stand-in)"
    assert set(outcome) >= {"run_id", "config", "identity", "stand_in", "metrics", "cost", "folds"}
    assert set(outcome["metrics"]) >= {
        "report/accuracy",
        "report/uar",
        "report/f1",
        "report_last/accuracy",
        "selection/accuracy",
    }
    assert outcome["cost"]["params"] > 0 and outcome["cost"]["ms_per_clip"] > 0
    assert outcome["folds"][0]["name"] == "official"
    assert "holds generated data" in ended.err
    assert get_run(outcome["run_id"]).tags["fusionbench.stand_in"] == "true"


@pytest.mark.slow
def test_a_person_sees_a_table_and_the_next_command(cli, stand_in):
    own = ["--set", "fusion.trs=2", "--set", "training.lr=3.0e-05"]
    ended = cli("run", *QUICK, "--data-root", stand_in, *own)
    assert ended.code == 0, ended.err
    for said in (
        "[stand-in: generated data]",
        "chosen on the selection split",
        "the last one",
        "chance",
        f"next: fusionbench run --fusion concat --dataset afew --data-root {stand_in} --epochs 2 "
        "--set training.lr=3.0e-05\n",
        "fusionbench ui",
    ):
        assert said in ended.out
    assert "reading clips" in ended.err or "training" in ended.err


@pytest.mark.slow
def test_the_same_command_twice_gives_the_same_digits(cli, stand_in):
    first, second = (cli("run", *QUICK, "--data-root", stand_in, "--json").json for _ in range(2))
    assert first["identity"] == second["identity"] and first["metrics"] == second["metrics"]


@pytest.mark.slow
def test_a_truncated_frame_is_listed_and_counted_by_policy(cli, real_afew):
    frame = sorted(real_afew.rglob("*.jpg"))[30]
    frame.write_bytes(frame.read_bytes()[:400])
    command = ["run", *QUICK, "--data-root", real_afew]
    ended = cli(*command)
    assert ended.code == 2 and "1 clip(s) cannot be read" in ended.err and frame.name in ended.err
    assert "--on-bad-clip skip" in ended.err and "Traceback" not in ended.err
    ended = cli(*command, "--on-bad-clip", "skip", "--json")
    assert ended.code == 0 and len(ended.json["skipped_clips"]) == 1
    assert "1 clip(s) were skipped" in ended.err


def test_dry_run_shows_each_value_with_its_origin_and_touches_nothing(cli, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("fusion: {name: arpg, heads: 2}\n")
    ended = cli("run", "--config", file, "--dataset", "afew", "--set", "fusion.trs=5", "--dry-run")
    assert ended.code == 0
    rows = {line.split()[0]: line for line in ended.out.splitlines() if line.strip()}
    assert "--set" in rows["fusion.trs"] and "mine.yaml, line 1" in rows["fusion.heads"]
    assert rows["metric"].split()[1] == "accuracy" and "protocol of dataset afew" in rows["metric"]
    assert "default" in rows["fusion.dropout"] and "nothing was read or trained" in ended.out
    ended = cli("run", "--config", file, "--dataset", "afew", "--dry-run", "--json")
    assert ended.json["config"]["fusion"]["heads"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", "mlflow.db"}


AFEW = ["--dataset", "afew"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fusion", "agpr", *AFEW], "no fusion head named 'agpr'. Did you mean 'arpg'? Installed: "),
        (["--fusion", "arpg", "--dataset", "afev"], "no dataset named 'afev'. Did you mean 'afew'?"),
        (["--fusion", "arpg"], "no dataset chosen. Add --dataset NAME."),
        (
            ["--fusion", "arpg", *AFEW, "--set", "fusion.head=2"],
            "unknown option 'head' (--set). Did you mean 'heads'?",
        ),
        (["--fusion", "arpg", *AFEW, "--set", "fusion.heads=x"], "option heads = 'x' (--set)"),
        (["--fusion", "arpg", *AFEW, "--set", "training.lr=-1"], "option training.lr = -1 (--set)"),
        (["--fusion", "arpg", *AFEW, "--epochs", "0"], "option training.epochs = 0 (--epochs)"),
        (
            ["--fusion", "arpg", *AFEW, "--device", "cuda:9"],
            "no device 'cuda:9' on this machine. Devices here: cpu",
        ),
        (["--fusion", "arpg", *AFEW], "AFEW not found: data/afew"),
        (["--fusion", "arpg", *AFEW, "--config", "none.yaml"], "cannot read none.yaml: No such file"),
        (["--fusion", "arpg", *AFEW, "--set", "fusion.trs"], "is no assignment; write KEY=VALUE"),
        (
            ["--fusion", "arpg", *AFEW, "--metric", "UAR"],
            "metric 'UAR' is none that this dataset is judged by. Did you mean 'uar'? "
            "Its metrics: accuracy, uar, f1.",
        ),
        (["--fusion", "arpg", *AFEW, "--metric", "positive_f1"], "--set positive=CLASS"),
        (
            ["--fusion", "arpg", *AFEW, "--set", "positive=Happy"],
            "a positive class needs two classes, and there are 7: Angry, Disgust,",
        ),
        (["--fusion", "arpg", *AFEW, "--set", "training.class_weights=even"], "'none' or 'balanced'"),
    ],
)
def test_mistakes_end_with_2_and_a_message(cli, arguments, message):
    ended = cli("run", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err and ended.out == ""


def test_an_empty_class_folder_is_an_error_that_names_it(cli, real_afew):
    for video in (real_afew / "Train_AFEW" / "Sad").glob("*.avi"):
        video.unlink()
    ended = cli("run", *QUICK, "--data-root", real_afew)
    assert ended.code == 2 and "Sad" in ended.err and "Traceback" not in ended.err


def test_a_preset_that_reuses_a_plugins_name_is_refused(cli, tmp_path):
    (tmp_path / "registry.yaml").write_text("fusion:\n  arpg: {plugin: arpg, options: {trs: 1}}\n")
    ended = cli("run", "--fusion", "arpg", *AFEW)
    assert ended.code == 2 and "registry.yaml, line 2: preset 'arpg' reuses the name of a plugin" in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_is_named(cli, real_afew, tmp_path, monkeypatch):
    cache = tmp_path / "locked"
    cache.mkdir(mode=0o500)
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(cache))
    ended = cli("run", *QUICK, "--data-root", real_afew)
    assert ended.code == 2 and "cannot be written" in ended.err and "FUSIONBENCH_CACHE" in ended.err


def test_a_cache_that_is_a_file_is_named(cli, real_afew, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "file"))
    ended = cli("run", *QUICK, "--data-root", real_afew)
    assert ended.code == 2 and "cannot be written" in ended.err


@pytest.mark.slow
def test_ctrl_c_in_training_closes_the_run_as_killed_and_the_next_goes_on(start, cli, stand_in, shared_cache):
    long = ["--fusion", "arpg", "--dataset", "afew", "--epochs", "400", "--data-root", stand_in]
    child = start(shared_cache, "run", *long)
    wait_for(lambda: any((shared_cache / "unfinished").glob("*/state.pt")))
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "interrupted" in err and "Traceback" not in err
    assert [r.status for r in find_runs(tags={"fusionbench.kind": "run"})] == ["KILLED"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["frames", "streams", "unfinished"])
def test_after_kill_9_the_next_run_gives_the_figures_of_an_undisturbed_one(
    start, cli, drawn_afew, tmp_path, monkeypatch, moment
):
    command = [
        "run",
        "--fusion",
        "concat",
        "--dataset",
        "afew",
        "--epochs",
        "150",
        "--data-root",
        drawn_afew,
        "--json",
    ]
    cache = tmp_path / "killed"
    child = start(cache, *command)
    started = {
        "frames": lambda: any((cache / "frames").glob(".fusionbench-*/frames.npy")),
        "streams": lambda: any((cache / "streams").glob(".fusionbench-*/*.npy")),
        "unfinished": lambda: any((cache / "unfinished").glob("*/state.pt")),
    }
    wait_for(started[moment])
    child.kill()
    child.communicate()
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(cache))
    disturbed = cli(*command)
    assert disturbed.code == 0, disturbed.err
    assert not [p for p in cache.glob("*/.fusionbench-*") if p.is_dir()] and not list(
        (cache / "unfinished").glob("*/")
    )
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "undisturbed"))
    undisturbed = cli(*command, "--again")
    assert json.loads(disturbed.out)["metrics"] == undisturbed.json["metrics"]
    assert [r.status for r in find_runs(tags={"fusionbench.kind": "run"})] == ["FINISHED", "FINISHED"]
