"""The ``streams`` dataset where folds are made, steps are labelled, or classes are left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.load import load
from fusionbench.bench.run import run
from fusionbench.bench.source import open_data
from fusionbench.bench.verify import verify
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve, resolve_component
from fusionbench.contract.watch import Watch
from fusionbench.report.run_table import run_table
from fusionbench.study.compare import compare
from fusionbench.study.experiment import Experiment
from tests.plugins.test_streams import Listening, clips, request


def unparted(root: Path, subjects: int = 6, **more) -> Path:
    """The clips of ``test_streams`` in a store whose clips name no split."""
    fb.write_stream_store(
        root, ({k: v for k, v in c.items() if k != "split"} for c in clips(subjects)), **more
    )
    return root


def opened(root: Path, **values):
    return open_data(
        resolve(request(root, **{f"dataset.{k}": v for k, v in values.items()}), collect()), Watch()
    )


def test_a_store_whose_clips_name_no_split_says_how_folds_are_made(tmp_path):
    with pytest.raises(fb.UserError) as caught:
        opened(unparted(tmp_path / "s"))
    assert str(caught.value) == (
        f"{tmp_path / 's'} has no parts: its clips name no split. Choose how folds are made: --set "
        "dataset.folds=loso (6 subjects, one left out at a time), or --set dataset.folds=5, or another "
        "number of parts."
    )


def test_one_subject_is_left_out_at_a_time(tmp_path):
    data = opened(unparted(tmp_path / "s"), folds="loso")
    assert [fold.name for fold in data.folds(None)] == [f"p{k}" for k in range(6)]
    assert data.dataset.classes == ("jump", "run", "sit")
    (fold,) = data.folds("p3")
    assert fold.report == tuple(f"c{k:02d}" for k in range(48) if k % 6 == 3)
    loaders = load(resolve(request(tmp_path / "s", **{"dataset.folds": "loso"}), collect()), data, fold)
    assert {data.clips[i].subject for i in loaders.report.clips} == {"p3"}
    assert not set(loaders.train.subjects) & set(loaders.selection.subjects)


@pytest.mark.parametrize("folds", [3, "3"])
def test_a_number_of_parts_repeated(tmp_path, folds):
    data = opened(unparted(tmp_path / "s"), folds=folds, repeat=2)
    assert [f.name for f in data.folds(None)] == ["r1-f1", "r1-f2", "r1-f3", "r2-f1", "r2-f2", "r2-f3"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"folds": "lso"}, "give loso, or a number of folds, at least 2"),
        ({"folds": 1}, "give loso, or a number of folds, at least 2"),
        ({"folds": True}, "give loso, or a number of folds, at least 2"),
        ({"folds": 7}, "7 folds need at least 7 subjects; there are 6"),
        ({"folds": "loso", "repeat": 2}, "nothing to repeat"),
        ({"repeat": 2}, "dataset.repeat=2 repeats folds, and there are none. Add dataset.folds"),
        ({"folds": 3, "report": "test"}, "names one part, but with dataset.folds=3 each fold is reported on"),
        ({"folds": 3, "window": 4}, "dataset.window says how a labelled step is seen, but"),
    ],
)
def test_choices_that_do_not_fit_are_refused(tmp_path, values, message):
    with pytest.raises(fb.UserError) as caught:
        opened(unparted(tmp_path / "s"), **values)
    assert message in str(caught.value)


def test_a_store_of_its_own_parts_is_not_mixed_unasked(tmp_path):
    fb.write_stream_store(tmp_path / "s", clips(subjects=6))
    with pytest.raises(fb.UserError) as caught:
        opened(tmp_path / "s", folds=3)
    assert str(caught.value) == (
        f"{tmp_path / 's'} has parts of its own: test (12 clips), train (36 clips). Choose what folds are "
        "made of: --set dataset.report=train (36 clips; the other parts are left alone) or --set "
        "dataset.report=all (48 clips, whatever their part)."
    )
    of = {c["id"]: c["split"] for c in clips()}
    inside = opened(tmp_path / "s", folds=3, report="train").folds(None)
    assert {of[i] for fold in inside for i in (*fold.train, *fold.report)} == {"train"}
    everything = opened(tmp_path / "s", folds=3, report="all").folds(None)
    assert sorted(i for fold in everything for i in fold.report) == sorted(of)


def test_a_store_that_trains_on_all_can_be_parted_into_folds(tmp_path):
    fb.write_stream_store(tmp_path / "s", clips(6, split=lambda number: "train"))
    assert len(opened(tmp_path / "s", folds="loso").folds(None)) == 6


def test_where_no_subject_is_known_it_is_told(tmp_path):
    watch = Listening()
    root = unparted(tmp_path / "s", subjects=0)
    open_data(resolve(request(root, **{"dataset.folds": 4}), collect()), watch)
    assert watch.warnings == [
        "no subject is known, so the same person may be on both sides. Folds keep people apart where clips "
        "name a subject. (4 of 4 folds; this is fold 'f1')"
    ]
    with pytest.raises(
        fb.UserError, match="loso leaves out one subject at a time; of 48 clips none is known"
    ):
        opened(root, folds="loso")


def test_some_clips_name_a_split_and_others_none(tmp_path):
    mixed = [*clips(count=3), {k: v for k, v in list(clips())[3].items() if k != "split"}]
    with pytest.raises(
        fb.UserError, match=r"clip 'c00' names a split, clip 'c03' none\. Give each one: train"
    ):
        fb.write_stream_store(tmp_path / "s", mixed)


def test_verify_shows_the_folds(tmp_path):
    asked = Request({"dataset.folds": "loso"}, {"dataset.folds": "--set"})
    chosen = resolve_component("dataset", "streams", asked, collect())
    verified = verify(chosen, unparted(tmp_path / "s"), decode=False, watch=Watch())
    assert verified.sound and len(verified.folds) == 6
    assert verified.plain()["folds"][0] == {
        "name": "p0", "train": 32, "selection": 8, "report": 8, "subjects": 1, "classes": {"sit": 8},
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_repeated_folds_are_pooled_and_judged_with_subjects_as_groups(tmp_path):
    root = unparted(tmp_path / "s", subjects=7)
    values = {"dataset": "streams", "data.root": root, "training.epochs": 1}
    values |= {"dataset.folds": 3, "dataset.repeat": 2}
    made = compare(Experiment("heads", "?", values, {}, {"fusion": ["concat", "late"]}))
    for _, outcome in made.runs:
        assert outcome.clips_judged == (48, 2) and len(outcome.folds) == 6
        hits = [fold.report.predicted == fold.report.labels for fold in outcome.folds]
        assert outcome.metrics["report/accuracy"] == pytest.approx(np.concatenate(hits).mean())
    assert made.verdicts is not None and made.verdicts.groups == "7 subjects"
    (pair,) = made.verdicts.pairs
    by_name = {slot.label: outcome.metrics["report/accuracy"] for slot, outcome in made.runs}
    assert pair.difference == pytest.approx(by_name[pair.a] - by_name[pair.b])
    assert "6 folds, 48 clips judged 2 times each" in str(run_table(made.runs[0][1]).caption)


def test_classes_are_left_out_and_told(tmp_path):
    watch = Listening()
    root = unparted(tmp_path / "s", subjects=7)
    asked = request(root, **{"dataset.folds": 3, "dataset.classes": ["SIT", "jump"]})
    data = open_data(resolve(asked, collect()), watch)
    assert data.dataset.classes == ("jump", "sit")
    assert "left out by dataset.classes: 16 clips of run" in watch.notes
    assert Counter(data.clips[i].label for f in data.folds(None) for i in f.report) == {"sit": 16, "jump": 16}


def steps(split: bool = True, people: int = 4):
    """Videos of 12 steps: the label of a step is the sign of its one channel, or is not judged."""
    rng = np.random.default_rng(3)
    for number in range(16):
        up = np.repeat(rng.permutation([0, 1, 0, 1]), 3)
        labels: list = ["down" if not one else "up" for one in up]
        labels[number % 12] = (-1, None, "", float("nan"))[number % 4]
        made = {
            "id": f"v{number:02d}",
            "labels": labels,
            "subject": f"p{number % people}",
            "streams": {"height": (2.0 * up - 1 + 0.1 * rng.normal(size=12))[:, None]},
        }
        yield made | ({"split": "train" if number % people < people - 1 else "test"} if split else {})


def test_every_judged_step_is_a_sample_that_is_seen_through_its_window(tmp_path):
    fb.write_stream_store(tmp_path / "s", steps())
    values = {"dataset.window": 3, "dataset.dilation": 2, "dataset.placing": "causal"}
    config = resolve(request(tmp_path / "s", **values), collect())
    data = open_data(config, Watch())
    loaders = load(config, data, data.folds(None)[0])
    assert len(loaders.report.labels) == 4 * 11 and loaders.max_time == 3
    assert set(loaders.report.subjects) == {"p3"}
    height = {c["id"]: c["streams"]["height"][:, 0] for c in steps()}
    seen = 0
    for batch in loaders.report:
        for name, window in zip(batch.ids, batch.arrays["height"][..., 0].numpy(), strict=True):
            video, _, step = name.rpartition("/")
            rows = np.clip(int(step) - 1 + np.array([-4, -2, 0]), 0, None)  # the first step is repeated
            np.testing.assert_allclose(window, height[video][rows], rtol=1e-6)
            seen += 1
    assert seen == 44


def test_an_option_that_a_finished_run_wrote_down_is_not_one_that_was_asked_for(tmp_path):
    store = unparted(tmp_path / "s")
    recorded = {**resolve(request(store), collect()).dataset.options.model_dump(), "folds": "loso"}
    assert recorded["window"] == 8 and len(opened(store, **recorded).folds(None)) == 6


def test_a_class_of_steps_can_be_left_out_and_folds_be_made_of_them(tmp_path):
    def three():
        for number, made in enumerate(steps(split=False)):
            made["labels"][(number + 5) % 12] = "rare"
            yield made

    fb.write_stream_store(tmp_path / "s", three())
    watch = Listening()
    asked = request(tmp_path / "s", **{"dataset.folds": "loso", "dataset.classes": "up,down"})
    data = open_data(resolve(asked, collect()), watch)
    assert data.dataset.classes == ("down", "up")
    assert "left out by dataset.classes: 16 frames of rare" in watch.notes
    assert [fold.name for fold in data.folds(None)] == ["p0", "p1", "p2", "p3"]


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_steps_are_learnt_and_people_are_the_groups_of_the_verdict(tmp_path):
    fb.write_stream_store(tmp_path / "s", steps(split=False))
    values = {"dataset": "streams", "data.root": tmp_path / "s", "training.epochs": 6}
    values |= {"dataset.folds": "loso", "dataset.window": 1}
    made = compare(Experiment("heads", "?", values, {}, {"fusion": ["concat", "late"]}))
    assert made.verdicts is not None and made.verdicts.groups == "4 subjects"
    assert all(outcome.metrics["report/accuracy"] > 0.95 for _, outcome in made.runs)


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_of_steps_that_show_nobody_known_each_video_is_a_group(tmp_path):
    fb.write_stream_store(tmp_path / "s", ({k: v for k, v in c.items() if k != "subject"} for c in steps()))
    values = {"dataset": "streams", "data.root": tmp_path / "s", "training.epochs": 1}
    made = compare(Experiment("heads", "?", values, {}, {"fusion": ["concat", "late"]}))
    assert made.verdicts is not None and made.verdicts.groups == "4 videos"


def test_a_run_of_one_fold_is_named_after_it(tmp_path, database):
    outcome = run(
        request(unparted(tmp_path / "s"), **{"dataset.folds": 3, "fold": "f2", "training.epochs": 1})
    )
    assert [fold.fold for fold in outcome.folds] == ["f2"] and len(outcome.folds[0].report.ids) == 16
