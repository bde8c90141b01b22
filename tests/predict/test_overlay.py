"""A video again, with what was said drawn in: as long as it was, the box where the face is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import fusionbench as fb
from fusionbench.contract.watch import Watch
from fusionbench.predict.course import Course
from fusionbench.predict.overlay import check_overlay_path, write_overlay
from fusionbench.predict.windows import windows
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import Recording, find_recordings
from tests.predict import masks
from tests.prepare.films import HEIGHT, LEFT, SIDE, TOP, WIDTH, film


def course(real: list[bool], stand_in: bool = False) -> Course:
    cut = windows(np.array(real), 1)
    said = np.where(np.array(real)[:, None], [[0.2, 0.8]], np.nan)
    return Course("mine", ("dark", "hell"), tuple(cut), np.zeros((len(cut), 2)), said, stand_in)


def frames_of(path: str) -> list[np.ndarray]:
    capture, found = cv2.VideoCapture(path), []
    while (read := capture.read())[0]:
        found.append(read[1])
    return found


def drawn(shown: list[bool], **about) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A film's frames before and after."""
    film(Path("mine.avi"), shown)
    root, found = find_recordings(Path("mine.avi"))
    prepare(root, found, Path("faces"), masks.way(), workers=0)
    recording = Recording("mine", "video", (str(Path("mine.avi").absolute()),))
    arrays = fb.open_prepared_store("faces").arrays
    write_overlay(Path("seen.mp4"), recording, arrays, course(shown, **about), Watch())
    return frames_of("mine.avi"), frames_of("seen.mp4")


def test_it_is_as_long_as_fast_and_as_large_as_the_video():
    before, after = drawn([True, True, False, True])
    assert len(after) == len(before) == 4 and after[0].shape == (HEIGHT, WIDTH, 3)
    assert cv2.VideoCapture("seen.mp4").get(cv2.CAP_PROP_FPS) == pytest.approx(25, abs=0.1)
    assert sorted(p.name for p in Path().glob("*seen*")) == ["seen.mp4"] and not list(Path().glob(".fusion*"))


def test_the_box_is_around_the_mesh_and_a_frame_without_a_face_has_none():
    before, after = drawn([True, False])
    low, high = masks.MESH[:, :2].min(0) * SIDE + [LEFT, TOP], masks.MESH[:, :2].max(0) * SIDE + [LEFT, TOP]
    change = np.abs(after[0].astype(int) - before[0]).max(axis=2)
    below = round(high[1])  # no letters stand there
    inside = change[below - 1 : below + 2, round(low[0]) : round(high[0])].max(axis=0)
    assert (inside > 15).mean() > 0.8
    assert change[below + 4 :].max() < 25  # what the encoder blurs
    plain = np.abs(after[1].astype(int) - before[1]).max(axis=2)
    assert plain[HEIGHT // 2 :].max() < 25


def test_who_learnt_from_generated_data_is_marked_in_every_frame():
    _, unmarked = drawn([True, False])
    _, marked = drawn([True, False], stand_in=True)
    for one, other in zip(unmarked, marked, strict=True):
        assert np.abs(one[-9:].astype(int) - other[-9:]).max() > 60


def test_another_suffix_is_refused_before_anything_is_done():
    with pytest.raises(fb.UserError, match=r"a video's suffix chooses its format.*Formats: .mp4"):
        check_overlay_path(Path("seen.gif"))
