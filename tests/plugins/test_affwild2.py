"""Aff-Wild2's expressions are read from both editions, frame by frame, and what is missing is counted."""

from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.affwild2 import AffWild2

import fusionbench as fb
from fusionbench.bench.run import run
from fusionbench.bench.source import open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.watch import Watch
from fusionbench.data.generate import generate

SEVEN = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"
EARLIER = ("annotations/EXPR_Set", "Training_Set", "Validation_Set")
LATER = ("6th_ABAW_Annotations/EXPR_Classification_Challenge", "Train_Set", "Validation_Set")


def add_labels(root: Path, video: str, rows, split=0, edition=EARLIER, header=SEVEN) -> Path:
    """A file of labels: the header, then one number a line."""
    folder = root / edition[0] / edition[1 + split]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{video}.txt").write_text("\n".join([header, *map(str, rows)]) + "\n")
    return folder / f"{video}.txt"


def add_images(root: Path, video: str, numbers, crops="cropped_aligned/cropped_aligned") -> None:
    """Images, each as bright as its number says."""
    folder = root / crops / video
    folder.mkdir(parents=True)
    for k in numbers:
        fb.write_image(folder / f"{k:05d}.jpg", np.full((8, 8, 3), 10 * k, np.uint8))


def make(root: Path, edition=EARLIER, header=SEVEN) -> Path:
    """One video in each split, every frame labelled and seen."""
    for split, video in enumerate(("a", "b")):
        add_labels(root, video, range(7), split, edition, header)
        add_images(root, video, range(1, 8))
    return root


def scan(root: Path, **options) -> fb.Inventory:
    return AffWild2(root, AffWild2.Config(**options)).scan()


def reasons(root: Path) -> dict[str, str]:
    return {problem.clip: problem.reason for problem in scan(root).problems}


def clip(root: Path, name: str) -> fb.Clip:
    return next(clip for clip in scan(root).clips if clip.id == name)


@pytest.mark.parametrize(
    ("edition", "header", "classes"),
    [
        (EARLIER, SEVEN, 7),
        (LATER, SEVEN + ",Other", 8),
        (("EXPR_Set", "Training_Set", "Validation_Set"), SEVEN, 7),
        (LATER, "Neutral, Anger, Disgust, Fear, Happiness, Sadness, Surprise, Other", 8),
    ],
    ids=["2020", "2022", "bare", "blanks"],
)
def test_both_editions(tmp_path, edition, header, classes):
    dataset = AffWild2(make(tmp_path, edition, header), AffWild2.Config())
    inventory = dataset.scan()
    assert not inventory.problems and dataset.classes == tuple((SEVEN + ",Other").split(",")[:classes])
    assert [(c.id, c.split, c.label, c.subject) for c in inventory.clips] == [
        ("a", "train", "", "a/main"), ("b", "report", "", "b/main")
    ]  # fmt: skip
    assert inventory.clips[0].labels == tuple(SEVEN.split(","))


def test_numbers_mean_what_the_header_says(tmp_path):
    turned = ",".join(SEVEN.split(",")[::-1])
    make(tmp_path, header=turned)
    assert clip(tmp_path, "a").labels == tuple(turned.split(","))


def test_other_annotations_of_the_same_names_are_left_alone(tmp_path):
    make(tmp_path)
    for task in ("VA_Set", "AU_Set"):
        add_labels(tmp_path, "a", ["0.5,0.1"], edition=(f"annotations/{task}", "Training_Set", ""))
    assert len(scan(tmp_path).clips) == 2 and not reasons(tmp_path)


def test_line_i_belongs_to_image_i(tmp_path):
    """Line 2 is -1, image 3 is missing, line 5 has no image, image 6 no line."""
    make(tmp_path)
    add_labels(tmp_path, "c", [1, -1, 3, 4, 5])
    add_images(tmp_path, "c", [1, 2, 4, 6])
    found = clip(tmp_path, "c")
    assert found.labels == ("Anger", "", "", "Happiness", "", "")
    assert [Path(file).name for file in found.files] == ["00001.jpg", "00002.jpg", "00004.jpg", "00006.jpg"]
    frames = AffWild2(tmp_path, AffWild2.Config()).read(found).frames
    assert np.rint(frames.mean(axis=(1, 2, 3))).tolist() == [10, 20, 0, 40, 0, 60]


def test_what_is_there_is_counted_as_seen(tmp_path):
    make(tmp_path)
    add_labels(tmp_path, "c", [1, -1, 3, 4, 5])
    add_images(tmp_path, "c", [1, 2, 4, 6])
    assert [(note.clip, note.reason) for note in scan(tmp_path).notes] == [
        ("train", "2 people; of 12 lines 9 are judged, 1 are -1, 2 are labelled and have no image"),
        ("train", "1 videos have images behind the last line, 1 at most; those are not judged"),
        ("report", "1 people; of 7 lines 7 are judged, 0 are -1, 0 are labelled and have no image"),
    ]
    assert scan(tmp_path).found["train/Anger"] == 2


def test_people_of_one_video_are_apart(tmp_path):
    make(tmp_path)
    for who in ("_left", "_right"):
        add_labels(tmp_path, f"12-24-1920x1080{who}", [1, 2])
        add_images(tmp_path, f"12-24-1920x1080{who}", [1, 2])
    people = {c.subject for c in scan(tmp_path).clips if c.id.startswith("12")}
    assert people == {"12-24-1920x1080/left", "12-24-1920x1080/right"}


def test_a_second_folder_of_images(tmp_path):
    make(tmp_path)
    add_labels(tmp_path, "c", [1])
    add_images(tmp_path, "c", [1], crops="cropped_aligned/cropped_aligned_new_50_vids")
    add_images(tmp_path, "of the test set", [1], crops="cropped_aligned/cropped_aligned")
    assert clip(tmp_path, "c").files == ("cropped_aligned/cropped_aligned_new_50_vids/c/00001.jpg",)
    assert scan(tmp_path).notes[-1].reason == "1 folders have no labels here, as those of the test set"


def test_every_video_that_cannot_be_used_is_named(tmp_path):
    make(tmp_path)
    add_labels(tmp_path, "no images", [1])
    add_labels(tmp_path, "nothing in it", [1])
    (tmp_path / "cropped_aligned" / "cropped_aligned" / "nothing in it").mkdir()
    add_labels(tmp_path, "not judged", [-1, 2])
    add_images(tmp_path, "not judged", [1])
    eighth = add_labels(tmp_path, "eighth", [1, 7])
    headless = add_labels(tmp_path, "headless", [1, 2], header="0")
    add_labels(tmp_path, "b", [1])  # trained on and reported on
    assert reasons(tmp_path) == {
        "no images": "labelled, but there is no folder of images of that name",
        "nothing in it": "labelled, but cropped_aligned/cropped_aligned/nothing in it holds no image",
        "not judged": "none of its frames has a label and an image",
        "eighth": f"{eighth}, line 3: '7' is none of 0 to 6, or -1",
        "headless": f"{headless}: line 1 is '0'; it names the classes",
        "b": "it is in Training_Set and in Validation_Set; not trained on",
    }
    assert [(c.id, c.split) for c in scan(tmp_path).clips] == [("a", "train"), ("b", "report")]


def test_two_editions_in_one_folder_are_a_choice(tmp_path):
    make(tmp_path)
    for split, video in enumerate(("a", "b")):
        add_labels(tmp_path, video, [7], split, LATER, SEVEN + ",Other")
    with pytest.raises(fb.UserError, match=r"annotations of 2 editions: .*--set dataset.annotations=FOLDER"):
        scan(tmp_path)
    assert scan(tmp_path, annotations=LATER[0]).found == {
        "train/Other": 1, "report/Other": 1
    }  # fmt: skip


def test_editions_are_never_mixed(tmp_path):
    make(tmp_path)
    add_labels(tmp_path, "c", [7], header=SEVEN + ",Other")
    with pytest.raises(fb.UserError, match="annotations of two editions are mixed"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("annotations", r"Aff-Wild2 not found: .* add --stand-in"),
        (
            "annotations/EXPR_Set/Validation_Set",
            "Aff-Wild2 is not whole: .* holds no validation_set or val_set",
        ),
        ("cropped_aligned", r"has 2 files of labels and images of none: a: .*Unzip cropped_aligned\.zip"),
    ],
)
def test_what_is_missing_is_said(tmp_path, gone, said):
    make(tmp_path / "all")
    (tmp_path / "all" / gone).rename(tmp_path / "put away")
    with pytest.raises(fb.UserError, match=said):
        scan(tmp_path / "all")


def test_classes_that_are_left_out_are_not_judged(tmp_path):
    dataset = AffWild2(make(tmp_path), AffWild2.Config(classes="happy,sad,neutral"))
    found = dataset.scan().clips[0]
    assert dataset.classes == ("Neutral", "Happiness", "Sadness")
    assert found.of(dataset.classes).judged == ("Neutral", "Happiness", "Sadness")


def test_images_of_two_sizes_are_a_bad_clip(tmp_path, monkeypatch):
    monkeypatch.setattr("fusionbench_datasets.affwild2.CHUNK", 2)
    make(tmp_path)
    folder = tmp_path / "cropped_aligned" / "cropped_aligned" / "a"
    for k in (5, 6):
        fb.write_image(folder / f"{k:05d}.jpg", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(fb.BadClip, match="images differ in size"):
        AffWild2(tmp_path, AffWild2.Config()).read(clip(tmp_path, "a"))


class SmallAffWild2(AffWild2):
    """The stand-in with fewer people."""

    @classmethod
    def stand_in_plan(cls):
        return fb.StandInPlan(super().stand_in_plan().classes, {"train": (4, 1), "report": (1, 1)})


@pytest.mark.slow
def test_a_run_on_the_stand_in_judges_frames_by_m(tmp_path, database):
    """As many frames as the files label, and M follows from its two parts."""
    root = tmp_path / "aff"
    generate(SmallAffWild2, root, workers=1)
    found = scan(root)
    assert {clip.id for clip in found.clips} == {
        "video0_left", "video0_right", "video0a", "video0b", "video4_left"
    }  # fmt: skip
    judged = sum(len(clip.judged) for clip in found.clips if clip.split == "report")
    asked = {"fusion": "concat", "dataset": "affwild2", "data.root": root, "training.epochs": 1}
    (fold,) = run(Request(asked)).folds
    said, metrics = fold.report, fold.metrics
    assert len(said.ids) == judged and said.ids[0] == "video4_left/00001"
    assert set(said.subjects) == {"video4/left"}
    assert list(fold.judging.metrics)[:3] == ["m", "accuracy", "f1"]
    weighed = 0.33 * metrics["report/accuracy"] + 0.67 * metrics["report/f1"]
    assert metrics["report/m"] == pytest.approx(weighed, abs=1e-12)
    data = open_data(resolve(Request(asked), collect()), Watch())
    for name in (
        "appearance",
        "relation",
    ):  # a black row is what the front end says of a frame without a face
        np.testing.assert_allclose(data.arrays[name][6], data.black[name], atol=1e-5)
    with pytest.raises(fb.UserError, match=r"is seen through dataset\.window=8 frames"):
        run(Request({**asked, "sampling.frames": 16}))
