"""CREMA-D: all that is known of a clip is in its name; faces come from folders or from OpenFace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fusionbench_datasets.crema_d import PUBLISHED, CremaD

import fusionbench as fb
from fusionbench.data.generate import generate

CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")


def add_faces(folder: Path, names=("1.jpg", "2.jpg", "10.jpg")) -> None:
    folder.mkdir(parents=True)
    for k, name in enumerate(names):
        fb.write_image(folder / name, np.full((8, 8, 3), 40 + k, np.uint8))


def make(root: Path, actors: int = 6, faces: str = "Faces/{}") -> Path:
    for actor in range(1001, 1001 + actors):
        for code in CODES:
            name = f"{actor}_DFA_{code}_XX"
            (root / "VideoFlash").mkdir(parents=True, exist_ok=True)
            (root / "VideoFlash" / f"{name}.flv").touch()
            add_faces(root / faces.format(name))
    return root


def dataset(root: Path, **options) -> CremaD:
    return CremaD(root, CremaD.Config(**options))


@pytest.mark.parametrize("faces", ["Faces/{}", "{}", "a/b/c/{}", "Faces/1001/{}"])
def test_class_and_actor_come_from_the_name(tmp_path, faces):
    inventory = dataset(make(tmp_path, faces=faces)).scan()
    assert not inventory.problems and len(inventory.clips) == 36
    first, *_, last = inventory.clips
    assert (first.id, first.label, first.subject, first.split) == ("1001_DFA_ANG_XX", "Anger", "1001", "")
    assert (last.id, last.label, last.subject) == ("1006_DFA_SAD_XX", "Sad", "1006")
    assert [Path(name).name for name in first.files] == ["1.jpg", "2.jpg", "10.jpg"]


def test_what_was_published():
    assert sum(PUBLISHED.values()) == 7442 and PUBLISHED["/Neutral"] == 1087


def test_faces_are_enough_and_a_level_of_one_letter_is_read(tmp_path):
    for code in CODES:
        add_faces(tmp_path / f"1040_ITH_{code}_X")
    assert len(dataset(tmp_path).scan().clips) == 6


def openface(root: Path, name: str, table: str | None, frames: int = 4, black=()) -> None:
    folder = root / f"{name}_aligned"
    folder.mkdir(parents=True)
    for t in range(1, frames + 1):
        value = 0 if t in black else 40 + t
        fb.write_image(folder / f"frame_det_00_{t:06d}.bmp", np.full((8, 8, 3), value, np.uint8))
    if table:
        (root / f"{name}.csv").write_text(table)


def test_frames_in_which_openface_found_no_face_are_left_out_and_counted(tmp_path):
    make(tmp_path, actors=1)
    old = "frame, timestamp, confidence, success\n1, 0, .9, 1\n2, 0, .1, 0\n3, 0, .9, 1\n4, 0, .9, 1\n"
    openface(tmp_path / "processed", "1002_IEO_ANG_HI", old, black=(2,))
    openface(tmp_path / "processed", "1002_IEO_SAD_HI", None, black=(1, 3))
    crema_d = dataset(tmp_path)
    inventory = crema_d.scan()
    of = {clip.id: clip for clip in inventory.clips}
    assert [int(Path(n).stem[-6:]) for n in of["1002_IEO_ANG_HI"].files] == [1, 3, 4]
    assert crema_d.read(of["1002_IEO_SAD_HI"]).frames[:, 0, 0, 0].tolist() == [42, 44]
    assert [note.reason for note in inventory.notes] == [
        "it found no face in 1 of 4 frames; left out",
        "1 clips have none of its csv; their black frames are left out",
    ]


def test_clips_that_cannot_be_used_are_named(tmp_path):
    make(tmp_path, actors=1)
    (tmp_path / "VideoFlash" / "1002_TIE_HAP_LO.flv").touch()
    (tmp_path / "Faces" / "1003_TIE_HAP_LO").mkdir()
    add_faces(tmp_path / "Other" / "1001_DFA_ANG_XX")
    add_faces(tmp_path / "Faces" / "1004_TIE_JOY_LO")
    inventory = dataset(tmp_path).scan()
    assert {p.clip: p.reason for p in inventory.problems} == {
        "1001_DFA_ANG_XX": "faces lie in Faces/1001_DFA_ANG_XX and in Other/1001_DFA_ANG_XX. "
        "Keep one of them",
        "1002_TIE_HAP_LO": "there is no folder of its faces",
        "1003_TIE_HAP_LO": "Faces/1003_TIE_HAP_LO holds no image",
    }
    assert len(inventory.clips) == 5
    openface(tmp_path / "processed", "1005_TIE_HAP_LO", None, black=(1, 2, 3, 4))
    clip = next(c for c in dataset(tmp_path).scan().clips if c.subject == "1005")
    with pytest.raises(fb.BadClip, match="all frames are black: OpenFace found no face"):
        dataset(tmp_path).read(clip)


def test_folds_are_of_whole_actors(tmp_path):
    clips = dataset(make(tmp_path)).scan().clips
    actor = {clip.id: clip.subject for clip in clips}
    five = dataset(tmp_path).folds(clips)
    assert [fold.name for fold in five] == ["f1", "f2", "f3", "f4", "f5"]
    for fold in five:
        assert not {actor[i] for i in fold.train} & {actor[i] for i in fold.report}
    assert sorted(i for fold in five for i in fold.report) == sorted(actor)
    assert [f.name for f in dataset(tmp_path, folds="loso").folds(clips)] == [
        str(k) for k in range(1001, 1007)
    ]
    assert len(dataset(tmp_path, folds=3, repeat=2).folds(clips)) == 6
    with pytest.raises(fb.UserError, match="7 folds need at least 7 subjects; there are 6"):
        dataset(tmp_path, folds=7).folds(clips)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(fb.UserError, match=r"CREMA-D not found: .*free to download.*add --stand-in"):
        dataset(tmp_path / "nothing").scan()
    (tmp_path / "1001_DFA_ANG_XX.flv").touch()
    with pytest.raises(fb.UserError, match="holds 1 videos but no faces"):
        dataset(tmp_path).scan()


class SmallCremaD(CremaD):
    """The stand-in with fewer people."""

    @classmethod
    def stand_in_plan(cls):
        return fb.StandInPlan(cls.classes, {"": (2, 1)})


@pytest.mark.slow
def test_the_stand_in_is_read_back_as_it_was_drawn(tmp_path):
    marker = generate(SmallCremaD, tmp_path / "crema", workers=1)
    crema_d = dataset(tmp_path / "crema")
    inventory = crema_d.scan()
    assert not inventory.problems and inventory.found == dict(marker.published)
    assert {clip.subject for clip in inventory.clips} == {"1001", "1002"}
    assert [note.clip for note in inventory.notes] == ["OpenFace"]
    read = crema_d.read(inventory.clips[0])
    assert read.frames.shape[1:] == (3, 96, 96) and read.frames.any(axis=(1, 2, 3)).all()
