"""AFEW is read from every layout people keep it in, and whatever is not as published is named."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.afew import AFEW

import fusionbench as fb
from fusionbench.data.generate import generate

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
NUMBERS = {label: f"00{i}123000" for i, label in enumerate(CLASSES)}
"""the one clip of each class; train and val use the same numbers, as AFEW does for some"""


def add_clip(split: Path, label: str, number: str, frames=("1.jpg", "2.jpg"), faces="Faces") -> None:
    """A video without content in a class folder, and its face folder."""
    (split / label).mkdir(parents=True, exist_ok=True)
    (split / label / f"{number}.avi").touch()
    (split / faces / number).mkdir(parents=True)
    for k, frame in enumerate(frames):
        fb.write_image(split / faces / number / frame, np.full((8, 8, 3), 10 * k, np.uint8))


def make_afew(root: Path, train="Train_AFEW", val="Val_AFEW", faces="Faces", classes="") -> Path:
    """AFEW with one clip a class in each split."""
    for split in (train, val):
        for label, number in NUMBERS.items():
            add_clip(root / split, classes + label, number, faces=faces)
    return root


def scan(root: Path) -> fb.Inventory:
    return AFEW(root, AFEW.Config()).scan()


def reasons(root: Path) -> dict[str, str]:
    return {problem.clip: problem.reason for problem in scan(root).problems}


ALIGNED = "AlignedFaces_LBPTOP_Points"
LAYOUTS = {
    "as distributed": {"train": "train_afew", "val": "val_afew", "faces": f"{ALIGNED}/Faces"},
    "capitals": {"train": "Train_AFEW", "val": "Val_AFEW", "faces": f"{ALIGNED}_Val/Faces"},
    "short": {"train": "Train", "val": "Val"},
    "lower case": {"train": "train", "val": "val", "faces": "alignedfaces_lbptop_points/faces"},
    "doubled by unzipping": {"faces": f"{ALIGNED}/{ALIGNED}/Faces"},
    "doubled splits": {"train": "Train/Train", "val": "Val/Val"},
    "all one level down": {"train": "AFEW/Train_AFEW", "val": "AFEW/Val_AFEW"},
    "classes in a folder": {"classes": "videos/"},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_clips(tmp_path, layout):
    inventory = scan(make_afew(tmp_path, **layout))
    assert not inventory.problems
    assert [(c.id, c.label, c.split) for c in inventory.clips] == [
        (f"{split}/{number}", label, split)
        for split in ("train", "report")
        for label, number in NUMBERS.items()
    ]
    assert all((tmp_path / file).is_file() for clip in inventory.clips for file in clip.files)


def test_videos_in_folders_inside_a_class_folder(tmp_path):
    make_afew(tmp_path)
    inner = tmp_path / "Train_AFEW" / "Fear" / "Fear"
    inner.mkdir()
    shutil.move(tmp_path / "Train_AFEW" / "Fear" / f"{NUMBERS['Fear']}.avi", inner / f"{NUMBERS['Fear']}.AVI")
    assert scan(tmp_path).found["train/Fear"] == 1


def test_class_folders_in_capitals(tmp_path):
    make_afew(tmp_path)
    (tmp_path / "Train_AFEW" / "Fear").rename(tmp_path / "Train_AFEW" / "FEAR")
    assert scan(tmp_path).found["train/Fear"] == 1


def test_the_fold_is_the_official_one(tmp_path):
    inventory = scan(make_afew(tmp_path))
    (fold,) = AFEW(tmp_path, AFEW.Config()).folds(inventory.clips)
    assert (len(fold.train), len(fold.report)) == (7, 7)
    assert not set(fold.train) & set(fold.report)


def test_what_was_published(tmp_path):
    published = scan(make_afew(tmp_path)).published
    assert sum(n for key, n in published.items() if key.startswith("train/")) == 773
    assert sum(n for key, n in published.items() if key.startswith("report/")) == 383
    assert (published["train/Happy"], published["report/Disgust"]) == (150, 40)


def test_frames_are_in_temporal_order_and_other_files_are_none(tmp_path):
    make_afew(tmp_path)
    names = ("I_1010.jpg", "I_999.jpg", "I_1001.jpg", "._I_1001.jpg")
    add_clip(tmp_path / "Train_AFEW", "Sad", "020950800", frames=names)
    (tmp_path / "Train_AFEW" / "Faces" / "020950800" / "Thumbs.db").touch()
    clip = next(c for c in scan(tmp_path).clips if c.id == "train/020950800")
    assert [Path(file).name for file in clip.files] == ["I_999.jpg", "I_1001.jpg", "I_1010.jpg"]


def test_films_are_not_taken_for_subjects(tmp_path):
    assert {clip.subject for clip in scan(make_afew(tmp_path)).clips} == {None}


def test_every_clip_that_cannot_be_used_is_named(tmp_path):
    make_afew(tmp_path)
    val = tmp_path / "Val_AFEW"
    (val / "Angry" / "003353294.avi").touch()
    (val / "Surprise" / "003902287.avi").touch()
    (val / "Faces" / "003902287").mkdir()
    (val / "Faces" / "004827807").mkdir()
    add_clip(val, "Neutral", "012949687")
    (val / "Happy" / "012949687.avi").touch()
    assert reasons(tmp_path) == {
        "report/003353294": "labelled Angry, but there is no folder Faces/003353294",
        "report/003902287": "labelled Surprise, but its folder Faces/003902287 holds no image",
        "report/004827807": "no label: no class folder holds 004827807.avi",
        "report/012949687": "012949687.avi is in several class folders: Happy, Neutral",
    }
    assert len(scan(tmp_path).clips) == 14


def test_a_class_that_nothing_reports_on_is_named(tmp_path):
    make_afew(tmp_path)
    shutil.rmtree(tmp_path / "Val_AFEW" / "Fear")
    shutil.rmtree(tmp_path / "Val_AFEW" / "Faces" / NUMBERS["Fear"])
    (tmp_path / "Val_AFEW" / "Sad" / f"{NUMBERS['Sad']}.avi").unlink()
    shutil.rmtree(tmp_path / "Val_AFEW" / "Faces" / NUMBERS["Sad"])
    assert reasons(tmp_path) == {
        "report/Fear": "Val_AFEW has no class folder Fear",
        "report/Sad": "class folder Sad holds no video (.avi)",
    }


def test_a_class_that_cannot_be_learnt_is_refused(tmp_path):
    make_afew(tmp_path)
    shutil.rmtree(tmp_path / "Train_AFEW" / "Fear")
    with pytest.raises(fb.UserError, match=r"no clip to train on for Fear: .*Copy the missing class folders"):
        scan(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(fb.UserError) as raised:
        scan(Path("data/afew"))
    assert str(raised.value) == (
        "AFEW not found: data/afew holds neither Train_AFEW/ nor Train/. AFEW is given out under an "
        "agreement (https://cs.anu.edu.au/few/AFEW.html). "
        "To try the command on generated data add --stand-in."
    )


def test_half_of_it_there(tmp_path):
    make_afew(tmp_path)
    shutil.move(tmp_path / "Val_AFEW", tmp_path / "put away")
    with pytest.raises(fb.UserError, match="holds Train_AFEW/ but neither Val_AFEW/ nor Val/"):
        scan(tmp_path)
    shutil.move(tmp_path / "put away", tmp_path / "Val_AFEW")
    shutil.move(tmp_path / "Train_AFEW" / "Faces", tmp_path / "faces put away")
    with pytest.raises(
        fb.UserError, match=r"holds no Faces/ folder. Unzip AlignedFaces_LBPTOP_Points\*\.zip"
    ):
        scan(tmp_path)


def test_faces_without_any_class_folder(tmp_path):
    make_afew(tmp_path)
    for label in CLASSES:
        shutil.rmtree(tmp_path / "Val_AFEW" / label)
    with pytest.raises(fb.UserError, match=r"holds no class folder .*Labels come from the class folder"):
        scan(tmp_path)


def read_happy(root: Path) -> fb.ClipFrames:
    dataset = AFEW(root, AFEW.Config())
    return dataset.read(next(clip for clip in dataset.scan().clips if clip.id == f"train/{NUMBERS['Happy']}"))


def write_points(root: Path, frame: str, text: str) -> None:
    folder = root / "Train_AFEW" / "Points" / NUMBERS["Happy"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / frame).write_text(text)


COLUMNS = "\n".join(f"{k % 8} {k // 17}" for k in range(68))
"""68 points in pixels of the 8 x 8 images above"""


def test_reading_decodes_rgb_frames(tmp_path):
    read = read_happy(make_afew(tmp_path))
    assert read.frames.shape == (2, 3, 8, 8) and read.frames.dtype == np.uint8
    assert (read.frames[0] == 0).all() and (abs(read.frames[1].astype(int) - 10) <= 1).all()
    assert read.landmarks is None


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".txt", COLUMNS),
        (".txt", COLUMNS.replace(" ", ",\t")),
        (".pts", f"version: 1\nn_points: 68\n{{\n{COLUMNS}\n}}\n"),
    ],
)
def test_points_are_scaled_to_the_image(tmp_path, suffix, text):
    make_afew(tmp_path)
    for frame in ("1", "2"):
        write_points(tmp_path, frame + suffix, text)
    landmarks = read_happy(tmp_path).landmarks
    assert landmarks.shape == (2, 68, 2) and landmarks.dtype == np.float32
    np.testing.assert_allclose(landmarks[1, 20], [(4 + 0.5) / 8, (1 + 0.5) / 8])


@pytest.mark.parametrize(
    "text",
    [None, "", "1 2 3", COLUMNS + "\n1 1", "Time: 0", "\n".join(["640 360"] * 68), "\n".join(["nan 1"] * 68),
     "\n".join(["1e999 1"] * 68), "{" * 9],
    ids=["missing", "empty", "too few", "too many", "not numbers", "other image", "NaN", "infinite", "open"],
)  # fmt: skip
def test_a_clip_with_unusable_points_has_none(tmp_path, text):
    make_afew(tmp_path)
    write_points(tmp_path, "1.txt", COLUMNS)
    if text is not None:
        write_points(tmp_path, "2.txt", text)
    assert read_happy(tmp_path).landmarks is None


def test_points_that_cannot_be_read_are_a_bad_clip_with_their_name(tmp_path):
    make_afew(tmp_path)
    write_points(tmp_path, "1.txt", COLUMNS)
    os.mkfifo(tmp_path / "Train_AFEW" / "Points" / NUMBERS["Happy"] / "2.pts")
    with pytest.raises(fb.BadClip, match=r"2\.pts: it is a named pipe, not a file"):
        read_happy(tmp_path)
    (tmp_path / "Train_AFEW" / "Points" / NUMBERS["Happy"] / "2.pts").unlink()
    write_points(tmp_path, "2.pts", " " * 1_000_001)
    with pytest.raises(fb.BadClip, match=r"2\.pts: 1000001 bytes; at most 1 MB"):
        read_happy(tmp_path)


def test_folders_with_names_that_are_no_utf_8_are_read(tmp_path):
    make_afew(tmp_path)
    number = os.fsdecode(b"gr\xfcn")
    add_clip(tmp_path / "Train_AFEW", "Happy", number)
    inventory = scan(tmp_path)
    (clip,) = [clip for clip in inventory.clips if number in clip.id]
    assert AFEW(tmp_path, AFEW.Config()).read(clip).frames.shape == (2, 3, 8, 8)


def test_a_frame_that_cannot_be_decoded(tmp_path):
    make_afew(tmp_path)
    frame = tmp_path / "Train_AFEW" / "Faces" / NUMBERS["Happy"] / "2.jpg"
    frame.write_bytes(frame.read_bytes()[:-20])
    with pytest.raises(fb.BadClip, match=r"2\.jpg: truncated"):
        read_happy(tmp_path)


class SmallAFEW(AFEW):
    """The stand-in with fewer people."""

    @classmethod
    def stand_in_plan(cls):
        return fb.StandInPlan(cls.classes, {"train": (2, 1), "report": (1, 1)})


def test_the_plan_of_the_stand_in():
    plan = AFEW.stand_in_plan()
    clips = {split: subjects * each * len(plan.classes) for split, (subjects, each) in plan.splits.items()}
    assert clips == {"train": 504, "report": 196}


@pytest.mark.slow
def test_the_stand_in_is_read_back_as_it_was_drawn(tmp_path):
    marker = generate(SmallAFEW, tmp_path / "afew", workers=1)
    inventory = scan(tmp_path / "afew")
    assert not inventory.problems
    assert inventory.found == dict(inventory.published) == dict(marker.published)
    assert {(c.split, c.subject) for c in inventory.clips} == {
        ("train", "000"), ("train", "001"), ("report", "002")
    }  # fmt: skip
    read = AFEW(tmp_path / "afew", AFEW.Config()).read(inventory.clips[0])
    assert read.frames.shape[1:] == (3, 96, 96)
    assert read.landmarks.shape == (len(read.frames), 68, 2)
    mouth, brows = read.landmarks[:, 48:68, 1].mean(), read.landmarks[:, 17:27, 1].mean()
    assert 0.6 < mouth < 0.9 and 0.15 < brows < 0.4


def test_scanning_reads_no_pixel(tmp_path):
    make_afew(tmp_path)
    for image in tmp_path.rglob("*.jpg"):
        image.write_bytes(b"")
    assert len(scan(tmp_path).clips) == 14
