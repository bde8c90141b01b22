"""A finished run done over: what differs is named before anything trains, and the verdict says what came."""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench import machine, run as run_module
from fusionbench.bench.claim import KIND_TAG, REPRODUCTION, RUN
from fusionbench.bench.differences import HARMLESS, MAY, WILL
from fusionbench.bench.reproduce import reproduce
from fusionbench.bench.reproduction_plan import Wishes, plan
from fusionbench.bench.run import run
from fusionbench.bench.seed_spread import seed_spread
from fusionbench.catalog.identity import _hash_of_files
from fusionbench.catalog.plugins import Catalog, Plugin, collect
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.track.connection import get_client
from fusionbench.track.places import local_path
from fusionbench.track.records import find_runs, get_run
from tests import fakes

HEAD = """
import torch
import fusionbench as fb


class Strange(fb.FusionHead):
    name = "strange"

    def __init__(self, spec, config):
        super().__init__()
        self.classify = torch.nn.Linear(sum(spec.dims.values()), spec.classes)

    def forward(self, streams):
        return self.classify(torch.cat([fb.masked_mean(s, streams.mask) for s in streams.values()], -1))
"""


def write_store(shift: float = 0.0) -> None:
    """40 clips of two streams that say little, of which 16 are reported."""
    draw = np.random.default_rng(0)
    fb.write_stream_store(
        "features",
        (
            {
                "id": f"clip-{k:02}",
                "label": "ab"[k % 2],
                "split": "train" if k < 24 else "test",
                "streams": {
                    "audio": draw.normal(k % 2 + shift, 3, (6, 5)),
                    "motion": draw.normal(k % 2, 3, (6, 3)),
                },
            }
            for k in range(40)
        ),
    )


@pytest.fixture(autouse=True)
def store(tracked):
    write_store()


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """``strange("1.0")``: a catalog with a third party's head of that version, its file as it is now."""
    file = tmp_path / "strange_plugin.py"
    file.write_text(HEAD)
    monkeypatch.syspath_prepend(tmp_path)

    def catalog(version: str) -> Catalog:
        sys.modules.pop("strange_plugin", None)
        importlib.invalidate_caches()
        head = importlib.import_module("strange_plugin").Strange
        _hash_of_files.cache_clear()
        found = fakes.catalog()
        offering = types.ModuleType("strange_offer")
        offering.fusion_heads = fb.hookimpl(lambda: [head])
        found.add(Plugin("strange", "strange_plugin", "strange-heads", version), offering)
        return found

    yield file, catalog
    sys.modules.pop("strange_plugin", None)


def once(catalog=None, **values) -> str:
    """The id of a short run."""
    asked = {"fusion": "concat", "dataset": "streams", "data.root": "features", "training.epochs": 4}
    return run(Request({**asked, "training.batch_size": 8, **values}), None, catalog).run_id


def looked_at(run_id, catalog=None, **wishes):
    return plan(run_id, Watch(), catalog or collect(), Wishes(**wishes), peek=True)


def over(run_id, catalog=None, watch=None, **wishes):
    watch = watch or Watch()
    return reproduce(plan(run_id, watch, catalog or collect(), Wishes(**wishes)), watch)


def named(made) -> dict[str, str]:
    return {each.what: each.severity for each in made.differences}


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may train from here on."""

    def refuse(*args):
        raise AssertionError("something was trained")

    return lambda: monkeypatch.setattr(run_module, "fit", refuse)


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


@pytest.mark.slow
def test_another_thread_count_is_named_and_the_recorded_one_is_taken(untrained):
    first = once(threads=2)
    untrained()
    assert looked_at(first).config.options.threads == 2 and named(looked_at(first)) == {}
    assert named(looked_at(first, threads=1)) == {"threads": MAY}


@pytest.mark.slow
def test_another_version_of_a_plugin_and_other_code_are_named(strange, untrained):
    file, catalog = strange
    first = once(catalog("1.0"), fusion="strange")
    untrained()
    assert named(looked_at(first, catalog("1.0"))) == {}
    assert named(looked_at(first, catalog("2.0"))) == {"fusion.version": MAY}
    file.write_text(HEAD + "\n# said more clearly\n")
    (changed,) = looked_at(first, catalog("1.0")).differences
    assert (changed.what, changed.severity) == ("fusion.code", MAY)
    assert changed.now.endswith("(1 file differs: strange_plugin.py)")


@pytest.mark.slow
def test_a_plugin_that_is_gone_is_named_before_anything_runs(strange, untrained):
    _, catalog = strange
    first = once(catalog("1.0"), fusion="strange")
    untrained()
    with pytest.raises(UserError, match=f"run {first} needs fusion head 'strange', version 1.0: no fusion"):
        over(first)


@pytest.mark.slow
def test_another_machine_and_other_libraries_are_named_with_what_they_may_do(monkeypatch, untrained):
    first = once()
    untrained()
    monkeypatch.setattr(machine, "version", lambda name: {"torch": "9.9", "mlflow": "8.8"}.get(name, "7.7"))
    monkeypatch.setattr(machine.torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 999)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = looked_at(first)
    assert named(found) == {
        "versions.torch": MAY,
        "versions.numpy": MAY,
        "versions.fusionbench": MAY,
        "cpu.instruction_set": MAY,
        "switches.MKL_CBWR": MAY,
        "versions.mlflow": HARMLESS,
        "cpu.cores": HARMLESS,
    }
    told = {each.what: (each.then, each.now) for each in found.differences}
    assert told["switches.MKL_CBWR"] == ("none", "COMPATIBLE") and told["versions.torch"][1] == "9.9"
    ranks = [(WILL, MAY, HARMLESS).index(each.severity) for each in found.differences]
    assert ranks == sorted(ranks)


@pytest.mark.slow
def test_changed_data_are_refused_until_the_user_points_to_them(untrained, tmp_path):
    first = once()
    write_store(shift=0.5)
    untrained()
    found = looked_at(first)
    assert named(found) == {"data.fingerprint": WILL}
    with pytest.raises(UserError, match=r"the data are not those of run .*features has the fingerprint"):
        over(first)
    pointed = looked_at(first, data_root=tmp_path / "features")
    assert named(pointed) == {"data.fingerprint": WILL} and not pointed.refusal
    (tmp_path / "features").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"the data of run .* are not here: .*--data-root PATH"):
        looked_at(first)


@pytest.mark.slow
def test_data_that_were_moved_are_the_same_data(tmp_path):
    first = once()
    (tmp_path / "features").rename(tmp_path / "moved")
    made = over(first, data_root=tmp_path / "moved")
    assert named(made.plan) == {"data.root": HARMLESS} and made.verdict == "same digits"


@pytest.mark.slow
def test_another_split_of_the_same_data_is_named(monkeypatch, untrained):
    first = once()
    untrained()
    streams = collect().get("dataset", "streams").cls
    monkeypatch.setattr(streams, "protocol", replace(streams.protocol, seed=streams.protocol.seed + 1))
    assert named(looked_at(first)) == {"split.train": WILL, "split.selection": WILL, "split.all": WILL}


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
    from fusionbench.bench.artifacts import read_fold

    return read_fold(run_id).parts["train"]["clips"]


@pytest.mark.slow
def test_a_run_of_before_is_compared_as_far_as_it_is_known_and_the_rest_is_told():
    first = once()
    folder = local_path(get_run(first).artifacts)
    for kept in ("provenance.json", "digits.json", "source.zip"):
        (folder / kept).unlink()
    made = over(first)
    assert made.verdict == "same digits" and made.first_epoch_apart is None
    assert made.folds[0].digits_then.epochs is None
    assert made.plan.differences == ()
    told = set(made.plan.not_recorded)
    assert {"cpu", "gpu", "switches", "torch", "split", "harness", "fusion.code"} <= told
    assert not {"data", "data.fingerprint", "versions.torch", "fusion.version", "identity"} & told


@pytest.mark.slow
def test_what_cannot_be_done_over_is_told_with_what_can(monkeypatch):
    first = once()
    record = get_run(first)
    get_client().set_terminated(first, "KILLED")
    with pytest.raises(UserError, match=rf"run {first} \({record.name}\) is killed"):
        looked_at(first)
    parent = get_client().create_run(record.experiment_id, tags={KIND_TAG: "comparison"}).info.run_id
    get_client().set_terminated(first, "FINISHED")
    get_client().set_tag(first, "mlflow.parentRunId", parent)
    with pytest.raises(UserError, match=f"is a comparison; .* Next: fusionbench reproduce {first}"):
        looked_at(parent)
    foreign = get_client().create_run(record.experiment_id).info.run_id
    with pytest.raises(UserError, match="was not made by `fusionbench run`"):
        looked_at(foreign)
    with pytest.raises(UserError, match="no run 'abcd' at sqlite"):
        looked_at("abcd")


@pytest.mark.slow
def test_an_interrupted_reproduction_goes_on_in_its_own_run(monkeypatch):
    import fusionbench.learn.fit as fit_module

    first = once()
    monkeypatch.setattr(fit_module, "CHECKPOINT_SHARE", 1e9)

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
