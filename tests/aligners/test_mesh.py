"""When the detector looks, and when the mesh is followed; both networks are played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fusionbench_aligners import mesh as module
from fusionbench_aligners.face_mesh import IBUG, SIDE, five_points
from fusionbench_aligners.mesh import Mesh

import fusionbench as fb

POINTS = np.load(Path(__file__).with_name("mesh_of_a_face.npy")).astype(np.float32)
FRAME = np.zeros((360, 640, 3), np.uint8)
MIDDLE = 512 + 6 * (4 * 8 + 4)
"""an anchor right and below of the middle, at (4.5/8, 4.5/8) of the square"""


class Played:
    """Both networks: they see what the script says, call after call, and count."""

    def __init__(self, detector: Sequence[int], presence: Sequence[bool]):
        self.faces, self.presence = list(detector), list(presence)
        self.looks = self.meshes = 0

    def __call__(self, name: str):
        return self.detect if name == "blazeface" else self.mesh

    def detect(self, image: np.ndarray) -> dict[int, np.ndarray]:
        assert image.shape == (128, 128, 3) and image.min() == -1
        regressors, scores = np.zeros((896, 16), np.float32), np.full(896, -9, np.float32)
        for number in range(self.faces[self.looks]):
            anchor = MIDDLE - 6 * 4 * number
            scores[anchor], regressors[anchor, 2:8] = 5, (30 - number, 30 - number, -6, -4, 6, -4)
        self.looks += 1
        return {896 * 16: regressors.reshape(-1), 896: scores}

    def mesh(self, image: np.ndarray) -> dict[int, np.ndarray]:
        assert image.shape == (SIDE, SIDE, 3) and image.dtype == np.float32
        there = self.presence[self.meshes]
        self.meshes += 1
        return {1404: (POINTS * SIDE).reshape(-1), 1: np.array([5.0 if there else -5.0])}


def sightings(played: Played, frames: int, monkeypatch, choice="track", **options) -> list[fb.Sighting]:
    monkeypatch.setattr(module, "_Network", played)
    footage = fb.Footage(Path("v.mp4"), iter([FRAME] * frames))
    return list(Mesh(Mesh.Config(**options), choice, 112).sightings(footage))


def test_a_face_is_detected_once_and_then_followed_by_its_points(monkeypatch):
    played = Played([1], [True] * 5)
    found = sightings(played, 5, monkeypatch)
    assert (played.looks, played.meshes) == (1, 5) and [s.faces for s in found] == [1] * 5
    face = found[0].face
    assert face.mesh.shape == (468, 3)
    assert (face.landmarks == face.mesh[list(IBUG), :2]).all()
    assert face.points == pytest.approx(five_points(face.mesh))
    # The crop is 1.5 times the box, 1.5 * 30 * 640 / 128 = 225 pixels, about (4.5/8, 4.5/8) of the square.
    spread = (POINTS[:, 0].max() - POINTS[:, 0].min()) * 225
    assert face.box[2] - face.box[0] == pytest.approx(spread, rel=0.01)


def test_the_detector_looks_for_others_now_and_then(monkeypatch):
    played = Played([1, 2, 1], [True] * 7)
    found = sightings(played, 7, monkeypatch, look=3)
    assert played.looks == 3 and [s.faces for s in found] == [1, 1, 1, 2, 1, 1, 1]


def test_a_covered_face_is_looked_for_and_told_apart_from_none(monkeypatch):
    played = Played([1, 1, 0, 1], [True, False, False, True, True])
    found = sightings(played, 5, monkeypatch)
    assert [s.reason for s in found] == [
        "",
        "a face, but covered or turned away",
        "no face found",
        "",
        "",
    ]
    assert played.meshes == 5 and played.looks == 4


@pytest.mark.parametrize("choice", ["largest", "central"])
def test_without_tracking_every_frame_is_searched(choice, monkeypatch):
    played = Played([2, 1, 2], [True] * 3)
    assert [s.faces for s in sightings(played, 3, monkeypatch, choice)] == [2, 1, 2]


def test_what_is_missing_is_said_with_the_command_that_brings_it():
    told = Mesh.missing(Mesh.Config())
    assert "pip install 'fusionbench[faces]'" in told or told.endswith(
        "fusionbench weights get blazeface face_mesh"
    )
