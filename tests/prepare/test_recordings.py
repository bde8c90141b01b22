"""What is found in a source, and in which order."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError
from fusionbench.prepare.recordings import find_recordings, recording_of


def files(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(source="src") -> list[tuple[str, str, int]]:
    return [(r.id, r.kind, len(r.files)) for r in find_recordings(Path(source))[1]]


def test_videos_folders_of_images_and_tables_of_openface_in_natural_order():
    files(
        "src/10.mp4", "src/2.AVI", "src/notes.txt", "src/.hidden.mp4", "src/a/face/1.jpg", "src/a/face/10.jpg"
    )
    files("src/of/v.csv", "src/of/v_aligned/frame_det_00_000001.bmp", "src/.git/x.mp4")
    assert found() == [
        ("2", "video", 1),
        ("10", "video", 1),
        ("a/face", "images", 2),
        ("of/v", "openface", 1),
    ]


def test_a_file_alone_is_one_recording():
    files("src/clip.mov", "src/v.csv", "src/v_aligned/x.png")
    assert found("src/clip.mov") == [("clip", "video", 1)] and found("src/v.csv") == [("v", "openface", 1)]


def test_files_that_differ_in_their_suffix_keep_it_and_pictures_beside_videos_are_none():
    files("src/a.mp4", "src/a.avi", "src/b.mp4", "src/thumb.jpg")
    assert [one[0] for one in found()] == ["a.avi", "a.mp4", "b"]


def test_links_are_followed_once_and_a_circle_ends():
    files("src/in/a.mp4", "elsewhere/b.mp4")
    os.symlink("..", "src/in/up")
    os.symlink(Path("elsewhere").absolute(), "src/out")
    os.symlink("loop", "src/loop")
    os.symlink("gone.mp4", "src/broken.mp4")  # kept: reading it says that it is not there
    assert [one[0] for one in found()] == ["broken", "in/a", "out/b"]


def test_a_store_in_the_source_is_no_source():
    files("src/a.mp4", "src/faces/store.json", "src/faces/sheets/00000-a.png")
    assert [one[0] for one in found()] == ["a"]


def test_a_folder_that_cannot_be_looked_into_is_named_not_passed_over(monkeypatch):
    files("src/a.mp4", "src/locked/b.mp4")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match="source src: src/locked: Permission denied"):
        found()


def test_nothing_to_prepare_says_what_was_looked_for():
    files("src/readme.md")
    with pytest.raises(UserError, match=r"holds nothing to prepare: no video \(.*\.mp4"):
        found()
    with pytest.raises(UserError, match="is not there"):
        found("nowhere")


def test_a_datasets_clip_is_a_video_or_images():
    assert recording_of(Clip("c", "x", "train", "p", ("a/1.mp4",))).kind == "video"
    images = recording_of(Clip("c", "x", "train", "p", ("a/1.jpg", "a/2.jpg")))
    assert (images.kind, images.label, images.split, images.subject) == ("images", "x", "train", "p")
    with pytest.raises(UserError, match="neither a video nor images"):
        recording_of(Clip("c", "x", "train", None, ("store.json", "frames.npy")))
