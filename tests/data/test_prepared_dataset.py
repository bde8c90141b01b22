"""Datasets over a store that ``fusionbench prepare`` made of their raw trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from fusionbench_datasets.afew import AFEW
from fusionbench_datasets.crema_d import CremaD
from fusionbench_datasets.dfew import DFEW
from fusionbench_datasets.frames import Frames
from fusionbench_datasets.rml import RML

import fusionbench as fb
from fusionbench.bench.run import run
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve_component
from fusionbench.contract.watch import Watch
from fusionbench.data.prepared_dataset import dataset_at
from fusionbench.prepare.labels import from_tree
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import find_recordings
from tests.prepare.films import Square, film

TREES = {
    "rml": [f"rml-1/s{person}/{code}1" for person in (1, 2, 3) for code in ("an", "ha", "sa")],
    "crema_d": [
        f"VideoFlash/{actor}_DFA_{code}_XX" for actor in (1001, 1002, 1003) for code in ("ANG", "HAP")
    ],
    "afew": [
        f"{split}_AFEW/{label}/00{k}"
        for split in ("Train", "Val")
        for k, label in enumerate(("Angry", "Sad"))
    ],
}


def prepared(tree: str) -> Path:
    """A store of the films of a raw tree: a face, none, a face."""
    for name in TREES[tree]:
        film(Path(f"{tree}/{name}.avi"), [True, False, True])
    root, recordings = find_recordings(Path(tree))
    labelled, rest = from_tree(recordings, tree)
    assert not rest
    prepare(root, labelled, Path("faces"), Way(Square, Square.Config(), "track", 48), workers=0)
    return Path("faces")


def test_rml_leaves_each_person_out_once():
    dataset = dataset_at(RML, prepared("rml"), RML.Config())
    inventory = dataset.scan()
    assert dataset.name == "rml" and dataset.classes == RML.classes and inventory.problems == ()
    assert {(c.subject, c.label) for c in inventory.clips} == {
        (f"s{person}", label) for person in (1, 2, 3) for label in ("anger", "happiness", "sadness")
    }
    assert [fold.name for fold in dataset.folds(inventory.clips)] == ["s1", "s2", "s3"]
    assert dataset.read(inventory.clips[0]).frames.shape == (2, 3, 48, 48)  # the gap is left out


def test_crema_d_makes_its_folds_of_actors():
    dataset = dataset_at(CremaD, prepared("crema_d"), CremaD.Config())
    clips = dataset.scan().clips
    assert {c.label for c in clips} == {"Anger", "Happy"} and len(dataset.folds(clips)) == 3
    chosen = dataset_at(CremaD, Path("faces"), CremaD.Config(folds="loso", classes=("happy", "anger")))
    assert [fold.name for fold in chosen.folds(chosen.scan().clips)] == ["1001", "1002", "1003"]
    assert set(chosen.classes) == {"Anger", "Happy"}


def test_afew_keeps_its_split():
    dataset = dataset_at(AFEW, prepared("afew"), AFEW.Config())
    (fold,) = dataset.folds(dataset.scan().clips)
    assert len(fold.train) == 2 and len(fold.report) == 2 and not {*fold.train} & {*fold.report}


def test_an_option_about_files_and_a_dataset_of_other_files_are_refused():
    root = prepared("afew")
    with pytest.raises(fb.UserError, match=r"dataset\.list is about the files of afew, and faces is a store"):
        dataset_at(AFEW, root, AFEW.Config(list="train.txt"))
    with pytest.raises(fb.UserError, match=r"dfew can't be read from: .* Take --dataset frames"):
        dataset_at(DFEW, root, DFEW.Config())


def test_labels_that_are_no_class_are_told_and_left_out():
    dataset = dataset_at(CremaD, prepared("afew"), CremaD.Config())
    inventory = dataset.scan()  # AFEW says Angry where CREMA-D says Anger
    assert {clip.label for clip in inventory.clips} == {"Sad"}
    assert {p.reason.partition(" is none of ")[0] for p in inventory.problems} == {"its label 'Angry'"}


def test_a_dataset_over_its_own_files_is_itself():
    assert type(dataset_at(RML, Path("nowhere"), RML.Config())) is RML
    assert type(dataset_at(Frames, prepared("rml"), Frames.Config())) is Frames


def test_classes_of_any_prepared_store_can_be_left_out():
    asked = Request({"dataset.classes": ["sad", "anger"]})
    chosen = resolve_component("dataset", "frames", asked, collect())
    dataset = dataset_at(chosen.cls, prepared("rml"), chosen.options)
    dataset.scan()
    assert dataset.classes == ("anger", "sadness")


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_a_run_on_a_prepared_raw_tree_pools_the_folds():
    values = {"dataset": "rml", "data.root": prepared("rml"), "fusion": "concat", "training.epochs": 1}
    outcome = run(Request(values), Watch())
    assert [fold.fold for fold in outcome.folds] == ["s1", "s2", "s3"]
    assert sum(len(fold.report.ids) for fold in outcome.folds) == 9
