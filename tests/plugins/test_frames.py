"""The dataset over prepared stores: which clips and frames a run gets of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.frames import Frames

import fusionbench as fb
from fusionbench.catalog.resolve import Request
from fusionbench.contract.watch import Watch
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import Recording, find_recordings
from fusionbench.study.experiment import read_experiment
from fusionbench.study.plan import plan
from tests.prepare.films import Square, film


def prepared(*whose: dict, gaps="mask") -> Frames:
    """A store of one recording for each of ``whose``: a face, none, a face."""
    for number in range(len(whose)):
        film(Path(f"src/{number}.avi"), [True, False, True])
    root, found = find_recordings(Path("src"))
    recordings: list[Recording] = [replace(r, **said) for r, said in zip(found, whose, strict=True)]
    prepare(root, recordings, Path("faces"), Way(Square, Square.Config(), "track", 48), gaps=gaps, workers=0)
    return Frames(Path("faces"), Frames.Config())


TRAIN, TEST = {"label": "sad", "split": "train"}, {"label": "happy", "split": "test"}


def test_clips_carry_what_was_said_of_them_and_classes_are_those_of_training_clips():
    dataset = prepared(TRAIN, {"label": "happy", "split": "train", "subject": "ann"}, TEST, {})
    inventory = dataset.scan()
    assert [(c.id, c.label, c.split, c.subject) for c in inventory.clips] == [
        ("0", "sad", "train", None),
        ("1", "happy", "train", "ann"),
        ("2", "happy", "test", None),
    ]
    assert dataset.classes == ("happy", "sad")
    assert [(p.clip, p.reason) for p in inventory.problems] == [
        ("3", "it has no label: it can be predicted, not trained on")
    ]
    (fold,) = dataset.folds(inventory.clips)
    assert (fold.train, fold.report) == (("0", "1"), ("2",))


def test_it_keeps_the_rules_but_those_of_files_that_a_store_has_not():
    people = [{**said, "subject": f"{said['split']}{k}"} for said in (TRAIN, TEST) for k in range(2)]
    people += [{"label": "happy", "split": "train", "subject": "train2"}]
    prepared(*people)
    broken = {f.rule for f in fb.testing.rules(Frames, root=Path("faces")) if f.state == "broken"}
    # A store is opened whole or refused whole: it has no label files to scan, and no single clip is damaged.
    assert broken == {"scan() reads no pixel", "a file that cannot be decoded is a BadClip"}


def test_frames_without_a_face_are_left_out_and_filled_ones_are_not():
    dataset = prepared(TRAIN)
    frames = dataset.read(dataset.scan().clips[0])
    assert frames.frames.shape == (2, 3, 48, 48) and frames.frames.any(axis=(1, 2, 3)).all()
    assert frames.landmarks.shape == (2, 68, 2)
    dataset = prepared(TRAIN, gaps="nearest")
    assert len(dataset.read(dataset.scan().clips[0]).frames) == 3


def test_labels_of_frames_stay_with_their_frames():
    dataset = prepared(
        {"labels": ("sad", "happy", ""), "split": "train"}, {"labels": ("sad",) * 3, "split": "test"}
    )
    assert fb.open_prepared_store("faces").index.clips[0].labels == ("sad", "happy", "")
    first = dataset.scan().clips[0]
    assert first.labels == ("sad", "") and len(dataset.read(first).frames) == 2


def test_a_store_without_labels_or_of_something_else_is_refused():
    with pytest.raises(fb.UserError, match="they can be predicted, not trained on"):
        prepared({}).scan()
    rng = np.random.default_rng(0)
    clips = [
        {"id": label, "label": label, "split": "train", "streams": {"s": rng.normal(size=(3, 2))}}
        for label in "xy"
    ]
    fb.write_stream_store("streams", clips)
    with pytest.raises(fb.UserError, match="is a store of streams, but not one that was prepared"):
        Frames(Path("streams"), Frames.Config()).scan()


@pytest.mark.slow
def test_faces_that_were_prepared_in_two_ways_never_stand_in_one_ranking(database):
    whose = [
        {"label": label, "split": split} for split in ("train", "train", "test") for label in ("sad", "happy")
    ]
    for gaps in ("mask", "nearest"):
        prepared(*whose, gaps=gaps)
        Path("faces").rename(gaps)
    Path("both.yaml").write_text(
        "# Does filling gaps help?\n"
        "base: {fusion: concat, dataset: frames}\nvary: {data.root: [mask, nearest], seed: [0]}\n"
    )
    with pytest.raises(fb.UserError, match='would stand in one ranking: gaps "mask" or "nearest"'):
        plan(read_experiment(Path("both.yaml"), Request({})), Watch())
    assert Frames(Path("mask"), Frames.Config()).preparation()["gaps"] == "mask"
