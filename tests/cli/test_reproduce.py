"""``fusionbench reproduce`` as a user meets it: what differs first, one word last."""

from __future__ import annotations

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench import machine, run as run_module
from fusionbench.catalog.plugins import collect


@pytest.fixture
def run_id(cli, tmp_path) -> str:
    """A short run on streams of 24 clips."""
    draw = np.random.default_rng(0)
    fb.write_stream_store(
        "features",
        (
            {
                "id": f"clip-{k:02}",
                "label": "ab"[k % 2],
                "split": "train" if k < 16 else "test",
                "streams": {"audio": draw.normal(k % 2, 2, (5, 4))},
            }
            for k in range(24)
        ),
    )
    asked = ("--fusion", "concat", "--dataset", "streams", "--data-root", "features", "--epochs", "2")
    return cli("run", *asked, "--json").json["run_id"]


@pytest.mark.slow
def test_the_last_line_is_the_verdict(cli, run_id, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)  # from anywhere: the run knows where its data lie
    ended = cli("reproduce", run_id[:12])
    lines = ended.out.splitlines()
    assert ended.code == 0 and lines[-1] == "same digits"
    assert f"run {run_id}" in lines[0] and lines[1] == "nothing that was recorded is other here"
    assert lines[2] == "runs with seed 0, fold official, 1 thread on cpu"
    assert "the same in all 2 epochs" in ended.out


@pytest.mark.slow
def test_differences_are_printed_before_it_trains_and_a_dry_run_trains_nothing(cli, run_id, monkeypatch):
    def refuse(*args):
        print("training begins")
        raise RuntimeError("it trained")

    monkeypatch.setattr(run_module, "fit", refuse)
    monkeypatch.setattr(machine.torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    ended = cli("reproduce", run_id, "--threads", "2")
    assert ended.code == 1 and "it trained" in ended.err
    told = ended.out.splitlines()
    row = next(k for k, line in enumerate(told) if line.split()[:1] == ["cpu.instruction_set"])
    assert row < told.index("training begins") and "may change digits" in told[row]
    dry = cli("reproduce", run_id, "--threads", "2", "--dry-run")
    assert dry.code == 0 and "training begins" not in dry.out
    assert dry.out.splitlines()[-1] == f"next: fusionbench reproduce {run_id} --threads 2"
    planned = cli("reproduce", run_id, "--threads", "2", "--dry-run", "--json").json
    threads = {"what": "threads", "then": "1", "now": "2", "severity": "may change digits"}
    assert threads in planned["differences"]
    assert planned["verdict"] is None and planned["reproduced_by"] is None and planned["folds"] == []


@pytest.mark.slow
def test_json_is_one_object_and_a_run_that_differs_ends_with_1(cli, run_id, monkeypatch):
    same = cli("reproduce", run_id, "--json")
    assert same.code == 0 and same.json["verdict"] == "same digits" and same.json["differences"] == []
    assert same.json["run_id"] == run_id != same.json["reproduced_by"]
    assert same.json["then"] == {**same.json["now"]}
    head = collect().get("fusion", "concat").cls

    def opposite(self, streams, labels, criterion):
        loss, logits = fb.FusionHead.training_loss(self, streams, labels, criterion)
        return -loss, logits

    monkeypatch.setattr(head, "training_loss", opposite)
    other = cli("reproduce", run_id, "--json")
    assert other.code == 1 and other.json["verdict"] == "differs" and other.json["first_epoch_apart"] == 1
    (fold,) = other.json["folds"]
    assert fold["then"]["run_id"] == run_id and fold["now"]["run_id"] == other.json["reproduced_by"]


def test_what_is_not_there_is_told(cli):
    ended = cli("reproduce", "nowhere")
    assert ended.code == 2 and "no run 'nowhere' at sqlite:" in ended.err
