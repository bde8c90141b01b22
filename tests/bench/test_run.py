"""A run from request to outcome, on a small dataset with folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusionbench.bench import build as build_module
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.metrics import pool, scores
from fusionbench.track.records import find_runs, get_run, read_json
from tests import fakes

FAST = {
    "fusion": "concat",
    "dataset": "squares",
    "training.epochs": 3,
    "training.lr": 0.01,
    "training.batch_size": 4,
}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def go(catalog, watch=None, again=False, **values):
    return run(Request({**FAST, **values}), watch, catalog, again=again)


class Listening(Watch):
    def __init__(self):
        self.tasks, self.warnings, self.epochs, self.of = [], [], [], []

    def progress(self, task, done, total):
        if done == 0:
            self.tasks.append(task)

    def warn(self, message):
        self.warnings.append(message)

    def epoch(self, epoch, epochs, metrics):
        self.epochs.append(epoch)
        self.of.append(epochs)


@pytest.mark.slow
def test_folds_run_under_one_parent_with_pooled_and_averaged_metrics(catalog):
    outcome = go(catalog)
    assert [f.fold for f in outcome.folds] == ["s0", "s1", "s2"]
    assert sorted(i for f in outcome.folds for i in f.report.ids) == sorted(
        f"s{s}/{k}" for s in range(3) for k in range(8)
    )
    pooled = scores(pool([f.report for f in outcome.folds]))
    assert outcome.metrics["report/accuracy"] == pooled["accuracy"]
    accuracies = [f.metrics["report/accuracy"] for f in outcome.folds]
    assert outcome.metrics["report_mean/accuracy"] == pytest.approx(np.mean(accuracies))
    assert outcome.metrics["report_std/accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    parent = get_run(outcome.run_id)
    assert parent.tags["fusionbench.kind"] == "folds"
    for fold in outcome.folds:
        assert get_run(fold.run_id).tags["mlflow.parentRunId"] == outcome.run_id
    assert not set(parent.metrics) & set(get_run(outcome.folds[0].run_id).metrics)


@pytest.mark.slow
def test_one_fold_is_one_run_that_holds_everything_needed_to_judge_it(catalog):
    outcome = go(catalog, fold="s1")
    record = get_run(outcome.run_id)
    assert record.status == "FINISHED" and record.name == "concat/squares/s0/s1"
    assert record.params["fusion"] == "concat" and record.params["fold"] == "s1"
    assert record.tags["fusionbench.identity"] == outcome.identity
    assert record.tags["fusionbench.stand_in"] == "false"
    assert {
        "report/accuracy",
        "report_last/accuracy",
        "selection/accuracy",
        "train/loss",
        "cost/ms_per_clip",
        "cost/train_s_per_epoch",
    } <= set(record.metrics)
    config = read_json(outcome.run_id, "config.json")
    assert config["values"]["training"]["epochs"] == 3 and config["origins"]["fusion.dropout"] == "default"
    assert len(read_json(outcome.run_id, "predictions.json")["data"]) == 8
    (made,) = outcome.folds
    assert read_fold(outcome.run_id) == replace(made, reused=True)
    assert made.report.subjects == ("s1",) * 8
    assert [epoch["selection/accuracy"] for epoch in made.history][made.selected_epoch - 1] == (
        made.metrics["selection/accuracy"]
    )
    assert len(made.history) == 3 and all(epoch["seconds"] > 0 for epoch in made.history)


@pytest.mark.slow
def test_streams_are_extracted_once_and_a_second_head_touches_no_backbone(catalog, monkeypatch):
    first, second = Listening(), Listening()
    go(catalog, first, fold="s0")
    assert first.tasks == ["reading clips", "extracting appearance and relation"]
    backbone = catalog.get("backbone", "tiny").cls

    def untouchable(*args, **kwargs):
        raise AssertionError("a backbone was built")

    monkeypatch.setattr(backbone, "__init__", untouchable)
    go(catalog, second, fold="s0", fusion="single")
    assert second.tasks == []


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["none", "relation", "all"])
def test_same_seed_same_digits_for_every_way_of_training(catalog, trainable):
    values = {"fold": "s0", "front_end.trainable": trainable, "training.epochs": 2}
    first, again, other = (
        go(catalog, **values),
        go(catalog, again=True, **values),
        go(catalog, seed=1, **values),
    )
    assert first.identity == again.identity != other.identity
    assert first.metrics == again.metrics
    assert np.array_equal(first.folds[0].report.log_probabilities, again.folds[0].report.log_probabilities)
    assert not np.array_equal(
        first.folds[0].report.log_probabilities, other.folds[0].report.log_probabilities
    )


@pytest.mark.slow
def test_relation_and_end_to_end_training_reach_the_front_end_with_two_learning_rates(catalog, monkeypatch):
    import fusionbench.learn.fit as fit_module

    rates = []
    original = fit_module.make_optimizer

    def spy(model, options):
        optimizer = original(model, options)
        rates.append(
            [(group["base_lr"], sum(p.numel() for p in group["params"])) for group in optimizer.param_groups]
        )
        return optimizer

    monkeypatch.setattr(fit_module, "make_optimizer", spy)
    outcome = go(
        catalog, fold="s0", **{"front_end.trainable": "all", "training.epochs": 6, "training.lr": 0.001}
    )
    losses = read_json(outcome.run_id, "outcome.json")["metrics"]["train/loss"]
    (fresh, pretrained) = rates[0]
    assert fresh[0] == 1e-3 and pretrained[0] == 1e-4 and pretrained[1] > 100_000
    assert losses < 0.69, "the training loss never fell below chance"


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_gives_the_same_digits(catalog, monkeypatch):
    import fusionbench.learn.fit as fit_module

    whole = go(catalog, fold="s0", **{"training.epochs": 5})
    find = {"tags": {"fusionbench.identity": whole.identity}}
    monkeypatch.setattr(fit_module, "checkpoint_is_due", lambda seconds, cost: True)

    class Impatient(Watch):
        def epoch(self, epoch, epochs, metrics):
            if epoch == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(catalog, Impatient(), again=True, fold="s0", **{"training.epochs": 5})
    killed = [r for r in find_runs(**find) if r.status == "KILLED"]
    assert len(killed) == 1
    watch = Listening()
    resumed = go(catalog, watch, again=True, fold="s0", **{"training.epochs": 5})
    assert watch.epochs == [4, 5] and resumed.folds[0].resumed_at == 3
    assert resumed.run_id == killed[0].run_id and get_run(resumed.run_id).status == "FINISHED"
    assert resumed.metrics == whole.metrics
    assert np.array_equal(resumed.folds[0].report.log_probabilities, whole.folds[0].report.log_probabilities)


@pytest.mark.slow
def test_bad_clips_stop_the_run_with_a_list_or_are_skipped_and_counted(catalog):
    bad = {"dataset": {"name": "squares", "bad": ["s0/1", "s2/3"]}}
    with pytest.raises(UserError) as caught:
        go(catalog, **bad)
    assert "2 clip(s) cannot be read" in str(caught.value) and "s0/1: its second frame is truncated" in str(
        caught.value
    )
    watch = Listening()
    outcome = go(catalog, watch, **{"data.on_bad_clip": "skip", **bad})
    assert [s["clip"] for s in outcome.skipped] == ["s0/1", "s2/3"]
    assert sum(len(f.report.ids) for f in outcome.folds) == 22
    assert any("2 clip(s) were skipped" in w for w in watch.warnings)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"fusion": "per_frame"},
            r"PerFrame returned \(4, 4, 2\); expected \(batch, classes\) = \(4, 2\). Did you forget",
        ),
        (
            {"fusion": "raises"},
            r"Raises\.forward raised RuntimeError: mat1 and mat2 .* \(fakes\.py, line \d+\)\. `--debug`",
        ),
        ({"fold": "s9"}, "no fold of squares named 's9'.* Allowed: s0, s1, s2"),
        ({"device": "cuda:7"}, "no device 'cuda:7' on this machine. Devices here: cpu"),
        ({"relation.patches": 4}, "front_end.trainable=relation"),
    ],
)
def test_what_does_not_fit_is_told_before_training(catalog, values, message):
    with pytest.raises(UserError, match=message):
        go(catalog, **{"fold": "s0", **values})


@pytest.mark.slow
def test_real_data_on_weights_from_drawings_are_warned_about(catalog):
    watch = Listening()
    go(catalog, watch, fold="s0")
    assert any("come from drawings" in w and "fusionbench weights get" in w for w in watch.warnings)


@pytest.mark.slow
def test_without_a_relation_encoder_the_head_sees_appearance_alone(catalog):
    outcome = go(catalog, fold="s0", relation="none")
    assert outcome.config["fusion"]["name"] == "concat" and "relation" not in outcome.config
    assert get_run(outcome.run_id).params["streams"] == "appearance"


@pytest.mark.slow
def test_a_solved_head_has_one_epoch_and_its_own_solution(catalog):
    watch = Listening()
    outcome = go(catalog, watch, fold="s0", relation="none", fusion="hse_nn")
    assert watch.epochs == watch.of == [1] and outcome.folds[0].selected_epoch == outcome.folds[0].epochs == 1
    assert outcome.metrics["train/accuracy"] == 1.0  # 4 * 128 statistics of 8 clips part them


def test_a_solved_head_refuses_a_front_end_that_learns(catalog):
    with pytest.raises(NotSupported, match=r"'hse_nn' is solved for.*front_end.trainable=none"):
        go(catalog, fold="s0", fusion="hse_nn", **{"front_end.trainable": "relation"})
    assert not find_runs()  # refused before anything was opened


def test_a_frozen_backbone_without_weights_is_refused(catalog):
    with pytest.raises(UserError, match=r"backbone 'tiny' has no weights.*front_end.trainable=all"):
        go(catalog, fold="s0", **{"backbone.weights": None})


@pytest.mark.slow
@pytest.mark.parametrize("frames", [None, 2])
def test_streams_in_memory_and_on_disk_give_the_same_digits(catalog, monkeypatch, frames):
    def digits() -> tuple[list, list]:
        (fold,) = go(catalog, again=True, fold="s0", **{"sampling.frames": frames}).folds
        history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in fold.history]
        return history, fold.report.log_probabilities.tolist()

    held = []
    hold = ClipLoader.hold
    monkeypatch.setattr(ClipLoader, "hold", lambda self, arrays: (held.append(self), hold(self, arrays)))
    in_memory = digits()
    assert len(held) == 3
    monkeypatch.setattr(build_module, "MOST_HELD", 0)
    assert digits() == in_memory and len(held) == 3
