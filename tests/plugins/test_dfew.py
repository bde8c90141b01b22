"""DFEW is read from both of its archives, with its five folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.dfew import CLASSES, DFEW, PUBLISHED

import fusionbench as fb
from fusionbench.data.generate import generate

LISTED = {number: 1 + number % 7 for number in range(1, 71)}
"""70 clips: number -> label from 1 to 7, ten of each; clip n is reported on in set 1 + n % 5"""


def make(root: Path, old: bool = False, listed=LISTED, frames: str = "Clip/clip_224x224_16f") -> Path:
    """DFEW as one of its archives, two frames a clip."""
    for number in listed:
        name = f"{number:05d}"
        folder = root / ("data" if old else frames) / name
        folder.mkdir(parents=True)
        for t in (9, 10):
            (folder / (f"{name}_{t:05d}.jpg" if old else f"{t}.jpg")).touch()
    for k in range(1, 6):
        for side in ("train", "test"):
            rows = [(n, label) for n, label in listed.items() if (1 + n % 5 == k) == (side == "test")]
            write_list(root, k, side, rows, old)
    return root


def write_list(root: Path, k: int, side: str, rows, old: bool = False) -> None:
    path = root / (
        f"label/single_{side}set_{k}.csv" if old else f"EmoLabel_DataSplit/{side}(single-labeled)/set_{k}.csv"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{number:05d},{label}" if old else f"{number},{label}" for number, label in rows]
    path.write_text("\n".join(["video_name,label", *lines]) + "\n")


def dataset(root: Path, **options) -> DFEW:
    return DFEW(root, DFEW.Config(**options))


def reasons(root: Path) -> dict[str, str]:
    sizes = {f"fd{k}" for k in PUBLISHED}
    return {p.clip: p.reason for p in dataset(root).scan().problems if p.clip not in sizes}


@pytest.mark.parametrize("old", [True, False], ids=["data and label", "Clip and EmoLabel_DataSplit"])
@pytest.mark.parametrize("inside", ["", "DFEW"])
def test_both_archives_give_the_same_clips_and_folds(tmp_path, old, inside):
    make(tmp_path / inside, old)
    dfew = dataset(tmp_path)
    inventory = dfew.scan()
    assert {clip.id: clip.label for clip in inventory.clips} == {
        f"{number:05d}": CLASSES[label - 1] for number, label in LISTED.items()
    }
    assert CLASSES == ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
    folds = dfew.folds(inventory.clips)
    assert [fold.name for fold in folds] == ["fd1", "fd2", "fd3", "fd4", "fd5"]
    assert all((len(fold.train), len(fold.report)) == (56, 14) for fold in folds)
    assert {int(clip) % 5 for clip in folds[2].report} == {2}
    assert inventory.found == inventory.published


def test_frames_that_are_not_padded_with_zeros_are_in_temporal_order(tmp_path):
    (first, *_) = dataset(make(tmp_path)).scan().clips
    assert [Path(name).name for name in first.files] == ["9.jpg", "10.jpg"]


def test_the_published_sizes_of_the_folds_are_held_against_what_is_there(tmp_path):
    assert sum(PUBLISHED.values()) == 11_697
    problems = {p.clip: p.reason for p in dataset(make(tmp_path)).scan().problems}
    assert problems["fd5"] == "14 clips to report on, 2336 published"


def test_of_several_folders_of_frames_one_is_chosen(tmp_path):
    make(tmp_path)
    for number in LISTED:
        folder = tmp_path / "Clip" / "clip_224x224" / f"{number:05d}"
        folder.mkdir(parents=True)
        (folder / "1.jpg").touch()
    assert dataset(tmp_path).scan().clips[0].files == ("Clip/clip_224x224/00001/1.jpg",)
    assert len(dataset(tmp_path, frames="clip_224x224_16f").scan().clips[0].files) == 2
    with pytest.raises(fb.UserError, match=r"no such folder. There: clip_224x224, clip_224x224_16f"):
        dataset(tmp_path, frames="original").scan()


def test_clips_that_cannot_be_used_are_named(tmp_path):
    make(tmp_path)
    for name in ("9.jpg", "10.jpg"):
        (tmp_path / "Clip/clip_224x224_16f/00007" / name).unlink()
    write_list(tmp_path, 2, "test", [(n, LISTED[n]) for n in LISTED if 1 + n % 5 == 2] + [(99, 3), (5, 9)])
    found = reasons(tmp_path)
    assert found["00007"] == "labelled Happy, but clip_224x224_16f/00007 holds no image"
    assert found["00099"] == "labelled Neutral, but clip_224x224_16f/00099 is not there"
    assert (
        "'5', '9' is no clip's number and no label"
        in found["EmoLabel_DataSplit/test(single-labeled)/set_2.csv, line 17"]
    )


def test_lists_that_contradict_each_other_are_told(tmp_path):
    make(tmp_path)
    mine = [(n, LISTED[n]) for n in LISTED if 1 + n % 5 == 1]
    write_list(tmp_path, 1, "test", [*mine, (1, LISTED[1])])
    write_list(tmp_path, 3, "train", [(n, LISTED[n] if n != 4 else 1) for n in LISTED if 1 + n % 5 != 3][1:])
    inventory = dataset(tmp_path).scan()
    said = [f"{p.clip}: {p.reason}" for p in inventory.problems]
    assert "fd1: 1 clips are in both of its lists" in said
    assert "00001: reported on in fd1 and in fd2; it counts in fd1 alone" in said
    assert "fd3: 1 clips of other sets are in neither of its lists" in said
    assert any(
        line.startswith("00004: EmoLabel_DataSplit/train(single-labeled)/set_3.csv, line") for line in said
    )


def test_clips_without_a_single_label_are_passed_over(tmp_path):
    make(tmp_path)
    write_list(tmp_path, 1, "train", [(200, 0), *((n, LISTED[n]) for n in LISTED if 1 + n % 5 != 1)])
    assert "00200" not in reasons(tmp_path) and len(dataset(tmp_path).scan().clips) == 70


def test_one_set_alone_is_one_fold(tmp_path):
    make(tmp_path)
    for k in range(2, 6):
        for side in ("train", "test"):
            (tmp_path / f"EmoLabel_DataSplit/{side}(single-labeled)/set_{k}.csv").unlink()
    dfew = dataset(tmp_path)
    inventory = dfew.scan()
    (fold,) = dfew.folds(inventory.clips)
    assert (fold.name, len(fold.train), len(fold.report)) == ("fd1", 56, 14)
    assert {"folds": "there are no lists of set 2, 3, 4, 5"}.items() <= reasons(tmp_path).items()


def test_classes_may_be_left_out(tmp_path):
    assert dataset(tmp_path, classes="happiness, ANGER").classes == ("Happy", "Angry")


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(fb.UserError, match=r"DFEW not found: .* holds no list of a fold .*add --stand-in"):
        dataset(tmp_path).scan()
    write_list(tmp_path, 1, "train", [(1, 1)])
    with pytest.raises(fb.UserError, match=r"holds lists but no frames\. Unpack Clip/clip_224x224"):
        dataset(tmp_path).scan()
    (tmp_path / "data/00009").mkdir(parents=True)
    with pytest.raises(fb.UserError, match="data holds no frames of the 1 clips that are listed"):
        dataset(tmp_path).scan()
    (tmp_path / "EmoLabel_DataSplit/train(single-labeled)/set_1.csv").write_text("name,emotion\n1,1\n")
    with pytest.raises(fb.UserError, match="has columns name, emotion; needed: video_name, label"):
        dataset(tmp_path).scan()


class SmallDFEW(DFEW):
    """The stand-in with fewer people."""

    @classmethod
    def stand_in_plan(cls):
        return fb.StandInPlan(cls.classes, {"": (5, 1)})


@pytest.mark.slow
def test_the_stand_in_is_read_back_with_people_kept_apart(tmp_path):
    generate(SmallDFEW, tmp_path / "dfew", workers=1)
    dfew = dataset(tmp_path / "dfew")
    inventory = dfew.scan()
    assert not inventory.problems and len(inventory.clips) == 35
    people = {clip.id: clip.subject for clip in inventory.clips}
    for fold in dfew.folds(inventory.clips):
        assert len(fold.report) == 7 and len({people[i] for i in fold.report}) == 1
        assert not {people[i] for i in fold.report} & {people[i] for i in fold.train}
    frames = dfew.read(inventory.clips[0]).frames
    assert frames.shape[1:] == (3, 96, 96) and frames.dtype == np.uint8
