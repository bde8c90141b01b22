"""The cascades on a photograph, moved about, half as large, and gone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fusionbench_aligners.opencv import Cascades

import fusionbench as fb

FACE = fb.read_images([Path(__file__).with_name("face.jpg")])[0].transpose(1, 2, 0)
"""a frame of a licence-free film, 320 x 180"""
EYES = np.array([[198.1, 65.4], [249.7, 66.1]])
"""where the aligner mesh finds them"""
NOBODY = np.full_like(FACE, 60)


def moved(right: int, down: int) -> np.ndarray:
    return np.roll(FACE, (down, right), axis=(0, 1))


def sightings(frames: list[np.ndarray], choice="track", **options) -> list[fb.Sighting]:
    footage = fb.Footage(Path("v.mp4"), iter(frames))
    return list(Cascades(Cascades.Config(**options), choice, 112).sightings(footage))


def test_the_eyes_are_found_and_followed():
    steps = [(0, 0), (-4, 2), (-8, 4), (-12, 6)]
    for (right, down), sighting in zip(steps, sightings([moved(*step) for step in steps]), strict=True):
        assert sighting.faces == 1 and sighting.face.landmarks is None
        assert np.abs(sighting.face.points[:2] - EYES - [right, down]).max() < 6  # of 52 between them


def test_a_frame_without_a_face_is_a_gap_and_the_face_is_found_again():
    found = sightings([FACE, NOBODY, FACE])
    assert [s.reason for s in found] == ["", "no face found", ""]


def test_of_two_faces_the_larger_one_is_taken_and_both_are_counted():
    half = cv2.resize(FACE[:, 100:], (0, 0), fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.concatenate([FACE[:, 100:], NOBODY[:, : half.shape[1]]], axis=1)
    both[: len(half), 220:] = half
    for choice in ("largest", "track"):
        (sighting,) = sightings([both], choice, width=320)
        assert sighting.faces == 2
        assert np.abs(sighting.face.points[:2] - EYES + [100, 0]).max() < 6


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (500, 3, 3)])
def test_frames_of_any_shape_are_searched(shape):
    assert sightings([np.full(shape, 90, np.uint8)])[0].face is None


def test_it_works_wherever_opencv_does():
    assert Cascades.missing(Cascades.Config()) is None
    assert Cascades.versions(Cascades.Config())["opencv"] == cv2.__version__
