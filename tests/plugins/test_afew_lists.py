"""AFEW's labels from published lists, and where those are known to disagree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fusionbench_datasets.afew import AFEW

import fusionbench as fb
from tests.plugins.test_afew import NUMBERS, add_clip, make_afew

EMOTION_FAN = {"Happy": 0, "Angry": 1, "Disgust": 2, "Fear": 3, "Sad": 4, "Neutral": 5, "Surprise": 6}
FORMER_DFER = {
    "Happiness": 0, "Sadness": 1, "Neutral": 2, "Anger": 3, "Surprise": 4, "Disgust": 5, "Fear": 6,
}  # fmt: skip
MEANS = dict(
    zip(("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear"), FORMER_DFER, strict=True)
)


def emotion_fan(ending: str = "") -> list[str]:
    return [f"{label}/{NUMBERS[label]}{ending} {label}" for label in EMOTION_FAN]


def former_dfer(split: str) -> list[str]:
    first = "0" if split == "train" else "1"
    return [
        f"/home/user/AFEW_Face/{split}/{MEANS[label]}/{first}_{FORMER_DFER[MEANS[label]]}_{NUMBERS[label]} "
        f"47 {FORMER_DFER[MEANS[label]]}"
        for label in EMOTION_FAN
    ]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def scan(root: Path, *lists) -> fb.Inventory:
    asked = str(lists[0]) if len(lists) == 1 else [str(path) for path in lists]
    return AFEW(root, AFEW.Config(list=asked)).scan()


@pytest.mark.parametrize(
    "lists",
    [
        {"afew_train.txt": emotion_fan(), "afew_eval.txt": emotion_fan()},
        {"list_train.txt": emotion_fan(".avi"), "list_eval.txt": emotion_fan(".avi")},
        {"AFEW_train.txt": former_dfer("train"), "AFEW_validation.txt": former_dfer("validation")},
        {"both.txt": [*former_dfer("train"), *former_dfer("validation")]},
    ],
    ids=["Emotion-FAN", "Emotion-FAN, older", "Former-DFER", "one file"],
)
def test_lists_of_both_formats_stand_for_the_class_folders(tmp_path, lists):
    with_folders = AFEW(make_afew(tmp_path / "a"), AFEW.Config()).scan()
    for split in ("Train_AFEW", "Val_AFEW"):
        for label in NUMBERS:
            shutil.rmtree(tmp_path / "a" / split / label)
    paths = [written(tmp_path / name, lines) for name, lines in lists.items()]
    inventory = scan(tmp_path / "a", *paths)
    assert inventory.clips == with_folders.clips and not inventory.problems and not inventory.notes


def test_a_list_of_one_split_leaves_the_other_to_its_folders(tmp_path):
    make_afew(tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "Val_AFEW" / "Fear")
    inventory = scan(tmp_path / "a", written(tmp_path / "afew_val.txt", emotion_fan()))
    assert len(inventory.clips) == 14


def test_a_list_may_lie_in_the_data_root(tmp_path):
    make_afew(tmp_path)
    written(tmp_path / "afew_train.txt", emotion_fan())
    assert len(scan(tmp_path, Path("afew_train.txt")).clips) == 14


def test_what_a_list_leaves_out_or_calls_otherwise_is_noted_and_what_it_misses_is_a_problem(tmp_path):
    make_afew(tmp_path)
    add_clip(tmp_path / "Val_AFEW", "Sad", "009999999")
    lines = [line for line in emotion_fan() if "Fear" not in line and "Happy" not in line]
    lines += [f"Neutral/{NUMBERS['Fear']} Neutral", "Happy/000147200 Happy"]
    inventory = scan(tmp_path, written(tmp_path / "afew_val.txt", lines))
    assert {n.clip: n.reason for n in inventory.notes} == {
        "report/009999999": "left out: not in the list, but in class folder Sad",
        f"report/{NUMBERS['Happy']}": "left out: not in the list, but in class folder Happy",
        f"report/{NUMBERS['Fear']}": "Neutral by the list, which counts; in class folder Fear",
        "report/000147200": "public lists disagree: in Former-DFER's list alone",
    }
    assert {p.clip: p.reason for p in inventory.problems} == {
        "report/000147200": "labelled Happy, but there is no folder Faces/000147200"
    }
    assert inventory.found["report/Neutral"] == 2


def test_known_disagreements_are_told_with_both_labels(tmp_path):
    make_afew(tmp_path)
    add_clip(tmp_path / "Val_AFEW", "Happy", "012949687")
    lines = [*former_dfer("validation"), "x/validation/Neutral/1_2_012949687 49 2"]
    inventory = scan(tmp_path, written(tmp_path / "AFEW_validation.txt", lines))
    (note,) = inventory.notes
    assert note.reason == (
        "Neutral by the list, which counts; in class folder Happy; public lists disagree: "
        "Happy in Emotion-FAN's list, Neutral in Former-DFER's"
    )


def test_lines_that_contradict_themselves_or_each_other_are_problems(tmp_path):
    make_afew(tmp_path)
    number = NUMBERS["Fear"]
    lines = [*emotion_fan(), f"Fear/{number} Sad", "Sad/001713280 Happy"]
    inventory = scan(tmp_path, written(tmp_path / "afew_train.txt", lines))
    assert [p.reason for p in inventory.problems[:3]] == [
        "afew_train.txt, line 8 calls it Sad and Fear; Sad is taken",
        "afew_train.txt, line 8: Sad, but Fear before; Fear is taken",
        "afew_train.txt, line 9 calls it Happy and Sad; Happy is taken",
    ]


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("afew_train.txt", ["Fear/13736360 Fear"], "line 1 is 'Fear/13736360 Fear'; expected"),
        ("afew_train.txt", ["Fear/013736360"], "line 1 is 'Fear/013736360'; expected"),
        ("afew_train.txt", ["Fear/013736360 3"], "line 1: no class is called '3'"),
        ("afew_train.txt", ["Joy/013736360 Joy"], "line 1: no class is called 'Joy'"),
        ("afew_train.txt", [], "is empty"),
        ("afew.txt", ["Fear/013736360 Fear"], r"neither afew.txt, line 1 nor the name of the file says"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, name, lines, message):
    make_afew(tmp_path)
    with pytest.raises(fb.UserError, match=message):
        scan(tmp_path, written(tmp_path / name, lines))


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(fb.UserError, match=r"list .*nothing.txt: No such file"):
        scan(make_afew(tmp_path), Path("nothing.txt"))
