"""RML is read from its archives and OpenFace's output; a failed frame is left out and shifts no other."""

from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.rml import RML

import fusionbench as fb
from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from fusionbench.data.generate import generate

LETTERS = {"an": "anger", "di": "disgust", "fe": "fear", "ha": "happiness", "sa": "sadness", "su": "surprise"}
NEWER = "frame,face_id,timestamp,confidence,success,AU01_r"
OLDER = "frame, timestamp, confidence, success, AU01_r"


def add_faces(folder: Path, numbers=(1, 2), name="{:06d}.jpg", black=()) -> Path:
    """A folder of aligned faces, each as bright as its number says."""
    folder.mkdir(parents=True)
    for k in numbers:
        level = 0 if k in black else 10 * k
        fb.write_image(folder / name.format(k), np.full((8, 8, 3), level, np.uint8))
    return folder


def add_openface(folder: Path, stem: str, success=(1, 1), header=NEWER, **faces) -> None:
    """What OpenFace leaves of a video: failed frames are black."""
    numbers = range(1, len(success) + 1)
    black = [k for k, found in zip(numbers, success, strict=True) if not found]
    name = "frame_det_00_{:06d}.bmp"
    add_faces(folder / f"{stem}_aligned", **{"numbers": numbers, "name": name, "black": black, **faces})
    face = "" if header == OLDER else "0,"
    rows = [f"{k},{face}0.0,0.9,{found},1.5" for k, found in zip(numbers, success, strict=True)]
    rows = [row.replace(",", ", ") for row in rows] if header == OLDER else rows
    (folder / f"{stem}.csv").write_text("\n".join([header, *rows]) + "\n")


def make_rml(root: Path, archives=("rml-1", "rml-2"), people=range(1, 9)) -> Path:
    """One clip a class of every person, aligned by whatever means."""
    for person in people:
        folder = root / archives[person > 5] / f"s{person}"
        for letters in LETTERS:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{letters}1.avi").touch()
            add_faces(folder / f"{letters}1")
    return root


def scan(root: Path, **options) -> fb.Inventory:
    return RML(root, RML.Config(**options)).scan()


def reasons(root: Path) -> dict[str, str]:
    return {problem.clip: problem.reason for problem in scan(root).problems}


def frames_of(root: Path, clip_id: str) -> list[int]:
    """The brightness of each frame that is read."""
    dataset = RML(root, RML.Config())
    clip = next(clip for clip in dataset.scan().clips if clip.id == clip_id)
    return np.rint(dataset.read(clip).frames.mean(axis=(1, 2, 3))).astype(int).tolist()


@pytest.mark.parametrize(
    "archives",
    [("rml-1", "rml-2"), ("RML-1/RML-1", "RML-2"), (".", "."), ("data/rml/faces", "data/rml/faces")],
    ids=["as distributed", "doubled by unzipping", "flat", "somewhere below"],
)
def test_every_layout_gives_the_same_clips(tmp_path, archives):
    inventory = scan(make_rml(tmp_path, archives))
    assert not inventory.problems
    assert [(c.id, c.label, c.subject) for c in inventory.clips] == [
        (f"s{person}/{letters}1", label, f"s{person}")
        for person in range(1, 9)
        for letters, label in LETTERS.items()
    ]
    assert {clip.split for clip in inventory.clips} == {""}


def test_languages_number_their_files_anew(tmp_path):
    make_rml(tmp_path)
    for language in ("English", "Mandarin"):
        add_openface(tmp_path / "rml-1" / "s1" / language, "an1")
        add_openface(tmp_path / "rml-1" / "s1" / language / "processed", "di1")
    ids = {clip.id for clip in scan(tmp_path).clips if clip.id.count("/") == 2}
    assert ids == {f"s1/{language}/{stem}" for language in ("English", "Mandarin") for stem in ("an1", "di1")}


def test_faces_in_a_tree_beside_the_videos(tmp_path):
    root = make_rml(tmp_path)
    (root / "rml-1" / "s1" / "an7.AVI").touch()
    add_openface(root / "aligned" / "rml-1" / "s1" / "an7", "an7")
    assert "s1/an7" in {clip.id for clip in scan(root).clips} and not reasons(root)


@pytest.mark.parametrize("header", [NEWER, OLDER], ids=["with face_id", "with blanks"])
def test_failed_frames_are_left_out_and_shift_nothing(tmp_path, header):
    make_rml(tmp_path)
    folder = tmp_path / "rml-2" / "s6"
    add_openface(folder, "ha9", success=(1, 0, 1, 0, 1), header=header)
    assert frames_of(tmp_path, "s6/ha9") == [10, 30, 50]
    notes = {note.clip: note.reason for note in scan(tmp_path).notes}
    assert notes["s6"] == "OpenFace found no face in 2 of 5 frames; they are left out"


def test_images_are_matched_by_number_not_by_place(tmp_path):
    """With -nobadaligned failed frames have no image; a table may lack lines (OpenFace#956)."""
    make_rml(tmp_path)
    folder = tmp_path / "rml-1" / "s2"
    add_openface(folder, "fe2", success=(1, 0, 1, 1), numbers=(1, 3, 4, 5))
    assert frames_of(tmp_path, "s2/fe2") == [10, 30, 40]
    notes = {note.clip: note.reason for note in scan(tmp_path).notes}
    assert notes["s2"] == "1 frames are in no line of OpenFace's csv; they are left out"


def test_only_the_first_face_of_a_frame_is_taken(tmp_path):
    make_rml(tmp_path)
    folder = tmp_path / "rml-1" / "s1"
    add_openface(folder, "an2", success=(1, 0))
    fb.write_image(folder / "an2_aligned" / "frame_det_01_000002.bmp", np.full((8, 8, 3), 99, np.uint8))
    with (folder / "an2.csv").open("a") as table:
        table.write("2,1,0.0,0.9,1,1.5\n")
    assert frames_of(tmp_path, "s1/an2") == [10]


def test_without_a_table_black_frames_are_left_out(tmp_path):
    make_rml(tmp_path)
    folder = tmp_path / "rml-1" / "s1"
    add_openface(folder, "an2", success=(0, 1, 1))
    (folder / "an2.csv").unlink()
    assert frames_of(tmp_path, "s1/an2") == [20, 30]
    assert "1 clips have no OpenFace csv" in scan(tmp_path).notes[0].reason


def test_every_clip_that_cannot_be_used_is_named(tmp_path):
    make_rml(tmp_path)
    folder = tmp_path / "rml-1" / "s1"
    (folder / "an2.avi").touch()
    (folder / "neutral1.avi").touch()
    add_openface(folder, "di2", success=(0, 0))
    add_openface(folder, "fe2")
    (folder / "fe2.csv").write_text("frame,confidence\n1,0.9\n")
    add_openface(folder, "ha2")
    (folder / "ha2.csv").write_text(f"{NEWER}\n1,0,0.0,0.9,yes,1.5\n")
    add_openface(folder, "sa2", name="{:03d}.bmp")
    add_faces(folder / "aligned" / "su1")
    assert reasons(tmp_path) == {
        "s1/an2": "a video without aligned faces",
        "s1/neutral1": "'neutral1' begins with none of an, di, fe, ha, sa, su, so its class is not known",
        "s1/di2": "OpenFace found a face in none of its 2 frames",
        "s1/fe2": f"{folder}/fe2.csv has no column 'success', so failed frames cannot be told",
        "s1/ha2": f"OpenFace's table {folder}/ha2.csv: ValueError: could not convert string to float: 'yes'. "
        "Run FeatureExtraction again.",
        "s1/sa2": "sa2_aligned/001.bmp is not named as OpenFace does, frame_det_00_000001.bmp",
        "s1/su1": "faces lie in rml-1/s1/aligned/su1 and rml-1/s1/su1. Keep one of them",
    }
    assert len(scan(tmp_path).clips) == 47


def test_a_missing_archive_is_told(tmp_path):
    inventory = scan(make_rml(tmp_path, people=range(1, 6)))
    assert [problem.clip for problem in inventory.problems] == ["s6", "s7", "s8"]
    assert inventory.problems[0].reason == "no folder s6; rml-2 holds s6 to s8"
    assert {note.clip: note.reason for note in inventory.notes} == {
        "rml-1": "30 clips; 407 were published",
        "rml-2": "0 clips; 313 were published",
    }
    assert inventory.published == {f"/{label}": 120 for label in LETTERS.values()}


def test_nothing_there(tmp_path):
    with pytest.raises(fb.UserError, match=r"RML not found: .* holds no folders s1/ to s8/.* add --stand-in"):
        scan(tmp_path)


def test_videos_alone_are_not_enough(tmp_path):
    (tmp_path / "rml-1" / "s1").mkdir(parents=True)
    (tmp_path / "rml-1" / "s1" / "an1.avi").touch()
    with pytest.raises(fb.UserError, match=r"holds 1 clips and aligned faces of none.*`fusionbench prepare`"):
        scan(tmp_path)


def test_one_fold_a_person(tmp_path):
    inventory = scan(make_rml(tmp_path))
    folds = RML(tmp_path, RML.Config()).folds(inventory.clips)
    assert [fold.name for fold in folds] == [f"s{k}" for k in range(1, 9)]
    assert [(len(fold.train), len(fold.report)) for fold in folds] == [(42, 6)] * 8
    assert all({clip.partition("/")[0] for clip in fold.report} == {fold.name} for fold in folds)


def test_classes_can_be_left_out(tmp_path):
    make_rml(tmp_path)
    assert RML(tmp_path, RML.Config(classes="sad, Happy,angry")).classes == ("anger", "happiness", "sadness")


class SmallRML(RML):
    """The stand-in with fewer clips."""

    @classmethod
    def stand_in_plan(cls):
        return fb.StandInPlan(cls.classes, {"": (3, 1)})


@pytest.mark.slow
def test_the_stand_in_is_read_back_with_its_quirks(tmp_path):
    generate(SmallRML, tmp_path / "rml", workers=1)
    inventory = scan(tmp_path / "rml")
    assert inventory.found == dict(inventory.published) == {f"/{label}": 3 for label in LETTERS.values()}
    assert {clip.id for clip in inventory.clips if clip.label == "fear"} == {
        "s1/fe1", "s2/fe1", "s3/English/fe1"
    }  # fmt: skip
    assert [note.clip for note in inventory.notes] == ["s1", "s2"]
    headers = [(tmp_path / "rml" / "rml-1" / f"s{k}" / "an1.csv").read_text().split("\n")[0] for k in (1, 2)]
    assert headers == [
        "frame,face_id,timestamp,confidence,success",
        "frame, timestamp, confidence, success",
    ]


@pytest.mark.slow
def test_a_run_leaves_each_person_out_once(tmp_path, database):
    generate(SmallRML, tmp_path / "rml", workers=1)
    asked = {"fusion": "concat", "dataset": "rml", "data.root": tmp_path / "rml", "training.epochs": 1}
    outcome = run(Request(asked))
    assert [(fold.fold, len(fold.report.ids)) for fold in outcome.folds] == [("s1", 6), ("s2", 6), ("s3", 6)]
    right = [float((fold.report.labels == fold.report.predicted).mean()) for fold in outcome.folds]
    assert outcome.metrics["report/accuracy"] == pytest.approx(sum(right) / 3)
    assert outcome.metrics["report_mean/accuracy"] == pytest.approx(np.mean(right))
    assert outcome.metrics["report_std/accuracy"] == pytest.approx(np.std(right, ddof=1))
