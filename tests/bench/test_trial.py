"""Trials: trained and judged on the selection split; the report split stays closed."""

from __future__ import annotations

import dataclasses

import pytest

from fusionbench.bench import load
from fusionbench.bench.run import Surroundings, run
from fusionbench.bench.sameness import Sameness
from fusionbench.bench.source import open_data
from fusionbench.bench.tracking import RunNotes
from fusionbench.bench.trial import Note, read_trial, run_trial
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.watch import Watch
from fusionbench.track.records import find_runs, get_run
from tests import fakes

BASE = {"dataset": "squares", "fold": "s0", "training.epochs": 3, "training.batch_size": 4, "fusion": "arpg"}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def set_up(catalog, **values):
    config = resolve(Request({**BASE, **values}), catalog)
    data = open_data(config, Watch())
    return config, data, data.folds(config.options.fold)[0]


def tried(catalog, note=None, **values):
    config, data, fold = set_up(catalog, **values)
    around = Surroundings(catalog, Watch(), RunNotes.of(config, data))
    return run_trial(config, data, fold, around, note or Note("trial 0"))


@pytest.mark.slow
def test_a_trial_never_opens_the_report_split_and_chooses_as_a_run_does(catalog, monkeypatch):
    opened = []
    loader = load._loader

    def noted(config, data, clips, seed=None):
        opened.append({clip.subject for clip in clips})
        return loader(config, data, clips, seed)

    with monkeypatch.context() as patch:
        patch.setattr(load, "_loader", noted)
        trial = tried(catalog)
    assert len(opened) == 2 and not any("s0" in subjects for subjects in opened)
    record = get_run(trial.run_id)
    assert record.tags["fusionbench.kind"] == "trial" and record.status == "FINISHED"
    assert not any(name.startswith("report") for name in record.metrics)
    assert record.params["trs"] == "3" and record.metrics["trial/accuracy"] == pytest.approx(trial.score)
    judged = run(Request(BASE), None, catalog)
    (fold,) = judged.folds
    assert not fold.reused, "a trial is no result of a run"
    assert fold.selected_epoch == trial.selected_epoch and fold.metrics["selection/accuracy"] == trial.score


@pytest.mark.slow
def test_a_finished_trial_is_taken_and_read_exactly(catalog):
    first, second = tried(catalog), tried(catalog, Note("trial 7 of another study"))
    assert second.reused and dataclasses.replace(second, reused=False) == first
    assert len(find_runs(tags={"fusionbench.kind": "trial"})) == 1
    with pytest.raises(UserError, match=r"holds no artifact 'trial\.json'"):
        read_trial(run(Request(BASE), None, catalog).run_id)


@pytest.mark.slow
def test_a_trial_below_its_floor_ends_there_and_says_so(catalog):
    trial = tried(catalog, Note("trial 0", floors=(0.0, 1.1, 1.1), owner="study"))
    assert trial.pruned_at == 2 and len(trial.history) == 2
    assert get_run(trial.run_id).tags["fusionbench.pruned"] == "after epoch 2 of 3"
    assert tried(catalog).pruned_at is None, "it is no other study's, and never stands for the whole"
    assert tried(catalog, Note("trial 0", floors=(0.0, 0.0, 1.1), owner="x")).pruned_at is None


def test_a_scope_over_the_whole_clip_is_none(catalog):
    _, data, fold = set_up(catalog)
    keys = {}
    for trs in (2, 3, 4, None):
        point = resolve(Request({**BASE, "fusion.trs": trs}), catalog)
        keys[trs] = Sameness(fold).key(point, data)
    assert keys[3] == keys[4] == keys[None] != keys[2], "clips of 4 frames"
    seeded = resolve(Request({**BASE, "seed": 9, "fusion.trs": 2}), catalog)
    assert Sameness(fold).key(seeded, data) == keys[2]
    other = resolve(Request({**BASE, "training.lr": 0.1, "fusion.trs": 2}), catalog)
    assert Sameness(fold).key(other, data) != keys[2]


def test_what_an_encoder_or_a_solved_head_never_reads_makes_no_other_model(catalog):
    trained = {"front_end.trainable": "relation", "relation.weights": None}
    _, data, fold = set_up(catalog, **trained)
    same = Sameness(fold)

    def key(**values):
        return same.key(resolve(Request({**BASE, **values}), catalog), data)

    crops = [key(**trained, **{"relation.graph": "ra_uwml", "relation.patches": p}) for p in (6, 4)]
    grids = [key(**trained, **{"relation.patches": p}) for p in (6, 4)]
    assert crops[0] == crops[1] and len({*crops, *grids}) == 3
    _, data, fold = set_up(catalog, relation="none", fusion="hse_nn")
    same = Sameness(fold)
    solved = [
        same.key(resolve(Request({**BASE, "relation": "none", "fusion": "hse_nn", **more}), catalog), data)
        for more in ({}, {"training.lr": 0.5}, {"fusion.c": 3.0})
    ]
    assert solved[0] == solved[1] != solved[2]


def test_parts_that_do_not_fit_are_known_before_anything_is_trained(catalog):
    config, data, fold = set_up(catalog, fusion="mult", **{"fusion.dim": 30, "fusion.heads": 4})
    with pytest.raises(NotSupported, match="heads=4 does not divide dim=30"):
        Sameness(fold).key(config, data)
