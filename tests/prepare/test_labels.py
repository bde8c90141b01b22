"""Whose recording it is: folders, tables, the file names of public sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.catalog.plugins import collect
from fusionbench.contract.errors import UserError
from fusionbench.prepare.labels import _AFEW_CLASSES, _EXPRESSIONS, from_folders, from_table, from_tree
from fusionbench.prepare.recordings import Recording


def recording(name: str) -> Recording:
    return Recording(name, "video", (f"{name}.mp4",))


def said(recordings) -> list[tuple]:
    return [(r.label, r.split, r.subject) for r in recordings]


def test_levels_of_folders_say_split_label_and_subject():
    found = from_folders(
        [recording("val/x/happy/anna/1"), recording("train/x/sad/bob/deeper/2")], "split/-/label/subject"
    )
    assert said(found) == [("happy", "selection", "anna"), ("sad", "train", "bob")]


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ("split/lable", "no level 'lable'. Did you mean 'label'"),
        ("label/label", "comes twice"),
        ("split/label", "lies below 1 folder"),
        ("split", "unknown split 'happy'"),
    ],
)
def test_folders_that_do_not_fit_are_refused(levels, told):
    with pytest.raises(UserError, match=told):
        from_folders([recording("happy/1")], levels)


def table(text: str) -> Path:
    Path("labels.csv").write_text(text)
    return Path("labels.csv")


def test_a_table_names_recordings_by_path_file_or_id():
    recordings = [recording("a/1"), recording("a/2"), recording("b/3"), recording("b/4")]
    found, rest = from_table(
        recordings, table("Label, split ,File,note\nhappy,dev,a/1.mp4,x\nsad,train, b/3,y\n,,4.mp4,\n")
    )
    assert [r.id for r in found] == ["a/1", "b/3", "b/4"] and rest == ["a/2"]
    assert said(found) == [("happy", "selection", None), ("sad", "train", None), ("", "", None)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("label\nhappy\n", "wanted are one of file, path"),
        ("file,mood\na/1,x\n", "at least one of label, split, subject"),
        ("", "the columns are none"),
        ("file,label\na/9.mp4,x\n", "line 2: no recording 'a/9.mp4'. Did you mean"),
        ("file,label\n1.mp4,x\n", "several recordings are called '1.mp4'"),
        ("file,label\na/1,x\na/1.mp4,y\n", "line 3: 'a/1' came before"),
        ("file,split\na/1,practice\n", "unknown split 'practice'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(text, told):
    with pytest.raises(UserError, match=told):
        from_table([recording("a/1"), recording("b/1")], table(text))


@pytest.mark.parametrize(
    ("tree", "name", "expected"),
    [
        ("rml", "rml-1/s3/an1", ("anger", "", "s3")),
        ("rml", "s8/Mandarin/su12", ("surprise", "", "s8")),
        ("crema_d", "VideoFlash/1001_DFA_ANG_XX", ("Anger", "", "1001")),
        ("crema_d", "1091_WSI_NEU_X", ("Neutral", "", "1091")),
        ("ravdess", "Actor_05/02-01-06-01-02-01-05", ("fearful", "", "05")),
        ("afew", "Train_AFEW/Angry/000633000", ("Angry", "train", None)),
        ("afew", "x/val/Val/Happy/003353294", ("Happy", "report", None)),
    ],
)
def test_public_sets_say_it_in_their_file_names(tree, name, expected):
    found, rest = from_tree([recording(name), recording("readme")], tree)
    assert said(found) == [expected] and rest == ["readme"]


def test_an_unknown_tree_or_other_names_are_refused():
    with pytest.raises(UserError, match="Did you mean 'crema_d'"):
        from_tree([recording("a")], "crema-d")
    with pytest.raises(UserError, match="no recording is called as there, such as 'a'"):
        from_tree([recording("a")], "rml")


@pytest.mark.parametrize("name", ["afew", "crema_d", "rml"])
def test_labels_of_a_tree_are_the_classes_of_the_dataset_of_that_name(name):
    classes = set(collect().get("dataset", name).cls.classes)
    said = _AFEW_CLASSES.split() if name == "afew" else _EXPRESSIONS[name].split()[1::2]
    assert set(said) == classes
