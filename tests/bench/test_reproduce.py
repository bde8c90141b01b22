"""A finished run done over: what it has in common with the run, and where that is kept."""

from __future__ import annotations

import contextlib
import json

import pytest
from rich.console import Console

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.claim import KIND_TAG, REPRODUCTION, RUN
from fusionbench.bench.run import run
from fusionbench.bench.seed_spread import seed_spread
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request
from fusionbench.contract.watch import Watch
from fusionbench.report.reproduction_table import plan_table
from fusionbench.track.connection import get_client
from fusionbench.track.places import local_path
from fusionbench.track.records import find_runs, get_run, read_json
from tests import fakes
from tests.bench.short_runs import once, over, write_store


@pytest.fixture(autouse=True)
def store(tracked):
    write_store()


@pytest.mark.slow
def test_the_same_code_on_the_same_machine_gives_the_same_digits_and_leaves_the_run_in_its_place():
    first = once()
    made = over(first)
    assert (made.verdict, made.first_epoch_apart, made.plan.differences) == ("same digits", None, ())
    again = get_run(made.run_id)
    assert again.tags["fusionbench.reproduces"] == first and again.tags[KIND_TAG] == REPRODUCTION
    assert again.tags["fusionbench.verdict"] == "same digits" and again.run_id != first
    assert once() == first, "the reproduction was taken for the run"
    assert [r.run_id for r in find_runs(tags={KIND_TAG: RUN})] == [first]
    assert over(made.run_id).verdict == "same digits", "a reproduction is a run like any other"


def spoiled(monkeypatch, head, after_epochs: int, by: float, batches: int) -> None:
    """From then on the head's loss is off by a factor, as with code that was changed."""
    steps = 0

    def training_loss(self, streams, labels, criterion):
        nonlocal steps
        steps += 1
        loss, logits = fb.FusionHead.training_loss(self, streams, labels, criterion)
        return (loss * by if steps > after_epochs * batches else loss), logits

    monkeypatch.setattr(head, "training_loss", training_loss)


@pytest.mark.slow
def test_the_first_epoch_whose_losses_part_is_named_and_a_last_digit_is_no_other_prediction(monkeypatch):
    first = once()
    batches = -(-trained_clips(first) // 8)
    spoiled(monkeypatch, collect().get("fusion", "concat").cls, 2, 1 + 2**-20, batches)
    made = over(first)
    assert made.first_epoch_apart == 3 and made.verdict == "same predictions"


@pytest.mark.slow
def test_a_run_that_went_astray_differs_and_seeds_excuse_no_more_than_they_move(monkeypatch):
    first = once()
    head, batches = collect().get("fusion", "concat").cls, -(-trained_clips(first) // 8)
    spoiled(monkeypatch, head, 0, -1.0, batches)  # it learns the opposite
    made = over(first)
    assert (made.verdict, made.first_epoch_apart) == ("differs", 1)
    assert made.folds[0].spread.scores == {} and made.folds[0].spread.reach is None
    monkeypatch.undo()


@pytest.mark.slow
def test_the_spread_is_that_of_finished_runs_which_differ_in_the_seed_alone(monkeypatch):
    first = once()
    scores = {0: 0.9, 1: 0.5, 2: 0.6, 3: 0.7}
    like_it = {seed: once(seed=seed, **{"training.epochs": 1}) for seed in (1, 2)}
    assert seed_spread(get_run(first), "report/accuracy").scores == {}, "other epochs are another config"
    twins = [once(seed=seed) for seed in (1, 2, 3)]
    for seed, twin in zip((1, 2, 3), twins, strict=True):
        get_client().log_metric(twin, "report/accuracy", scores[seed])
    over(twins[0])  # a reproduction is no seed of its own
    found = seed_spread(get_run(first), "report/accuracy")
    assert found.scores == {1: 0.5, 2: 0.6, 3: 0.7} and like_it
    batches = -(-trained_clips(first) // 8)
    spoiled(monkeypatch, collect().get("fusion", "concat").cls, 0, -1.0, batches)
    made = over(first)
    assert made.folds[0].spread == found and made.verdict == "within the spread of seeds"


def trained_clips(run_id: str) -> int:
    """Clips that the run trained on."""
    return read_fold(run_id).parts["train"]["clips"]


@pytest.mark.slow
def test_a_run_of_before_is_compared_as_far_as_it_is_known_and_the_rest_is_told():
    first = once()
    folder = local_path(get_run(first).artifacts)
    for kept in ("provenance.json", "digits.json", "source.zip"):
        (folder / kept).unlink()
    result = json.loads((folder / "outcome.json").read_text())
    del result["history"]
    (folder / "outcome.json").write_text(json.dumps(result))
    made = over(first)
    assert made.verdict == "same digits" and made.first_epoch_apart is None
    assert made.folds[0].digits_then.epochs is None
    assert made.plan.differences == ()
    told = set(made.plan.not_recorded)
    assert {"cpu", "gpu", "switches", "torch", "split", "harness", "fusion.code"} <= told
    assert not {"data", "data.fingerprint", "versions.torch", "fusion.version", "identity"} & told


@pytest.mark.slow
def test_an_interrupted_reproduction_goes_on_in_its_own_run(monkeypatch):
    import fusionbench.learn.fit as fit_module

    first = once()
    monkeypatch.setattr(fit_module, "checkpoint_is_due", lambda seconds, cost: True)

    class Impatient(Watch):
        def epoch(self, epoch, epochs, metrics):
            if epoch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        over(first, watch=Impatient())
    (killed,) = [r for r in find_runs(tags={KIND_TAG: REPRODUCTION}) if r.status == "KILLED"]
    made = over(first)
    assert made.run_id == killed.run_id and made.folds[0].now.resumed_at == 2
    assert made.verdict == "same digits" and over(first).run_id != made.run_id


@pytest.mark.slow
def test_a_run_that_was_begun_elsewhere_keeps_what_was_other_and_says_so(monkeypatch):
    import fusionbench.bench.provenance as module
    import fusionbench.learn.fit as fit_module

    monkeypatch.setattr(fit_module, "checkpoint_is_due", lambda seconds, cost: True)
    here = module.machine("cpu")

    class Told(Watch):
        def __init__(self, until: int):
            self.until, self.lines = until, []

        def epoch(self, epoch, epochs, metrics):
            if epoch == self.until:
                raise KeyboardInterrupt

        def warn(self, line):
            self.lines.append(line)

    elsewhere = {**here, "versions": {**here["versions"], "torch": "1.0"}}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "machine", lambda device: elsewhere)
        once(watch=Told(2))
    for until in (3, 99):  # interrupted once more, here
        told = Told(until)
        with contextlib.suppress(KeyboardInterrupt):
            run_id = once(watch=told)
        assert any("versions.torch was 1.0" in line for line in told.lines) == (until == 3)
    kept = read_json(run_id, "provenance.json")
    assert kept["before"] == [{"versions.torch": "1.0"}] and kept["versions"] == here["versions"]
    made = over(run_id)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(plan_table(made.plan))
    assert made.plan.differences == () and "before" not in made.plan.not_looked_at
    assert "it was interrupted, and begun otherwise: versions.torch was 1.0" in shown.get()


@pytest.mark.slow
def test_folds_are_done_over_fold_by_fold_under_one_parent():
    catalog = fakes.catalog()
    short = {"fusion": "concat", "dataset": "squares", "training.epochs": 1, "training.batch_size": 4}
    outcome = run(Request(short), None, catalog)
    made = over(outcome.run_id, catalog)
    assert made.verdict == "same digits" and [fold.fold for fold in made.folds] == ["s0", "s1", "s2"]
    for fold, before in zip(made.folds, outcome.folds, strict=True):
        record = get_run(fold.now.run_id)
        assert record.tags["fusionbench.reproduces"] == before.run_id
        assert record.tags["mlflow.parentRunId"] == made.run_id
    assert get_run(made.run_id).tags["fusionbench.reproduces"] == outcome.run_id
    one = over(outcome.folds[1].run_id, catalog)
    assert one.verdict == "same digits" and [fold.fold for fold in one.folds] == ["s1"]
    assert set(one.plan.folds[0].then["streams"]) == {"appearance", "relation"}


OWN_OPTIONS = {
    "est": {"fusion.dim": 64, "fusion.ffn": 64},
    "former_dfer": {"fusion.dim": 64, "fusion.ffn": 64},
    "hse_nn": {"front_end.widen": None},
    "score_sum": {"front_end.widen": None, "fusion.parts": [2, 3]},
}
"""what a head needs on narrow streams, or would take long without"""


@pytest.mark.slow
@pytest.mark.parametrize("head", collect().names("fusion"))
def test_every_built_in_head_gives_its_digits_again(head, monkeypatch):
    from fusionbench.track.runs import TrackedRun

    monkeypatch.setattr(TrackedRun, "log_figure", lambda *args: None)  # takes longer than all the rest
    made = over(once(fusion=head, **{"training.epochs": 2}, **OWN_OPTIONS.get(head, {})))
    assert (made.verdict, made.first_epoch_apart, made.plan.differences) == ("same digits", None, ())


def test_no_built_in_head_is_forgotten():
    assert len(collect().names("fusion")) >= 14
