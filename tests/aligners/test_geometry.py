"""BlazeFace's and FaceMesh's numbers to faces, by hand; the table of 68 points on a stored mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fusionbench_aligners import blazeface, face_mesh

MESH = np.load(Path(__file__).with_name("mesh_of_a_face.npy")).astype(np.float32)
"""``(468, 3)``, points that FaceMesh found on a face that looks ahead, in [0, 1] of its 112 pixels"""
MIRRORED = [
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *(27, 28, 29, 30),
    *range(35, 30, -1),  # below the nose
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # lips
    *(64, 63, 62, 61, 60, 67, 66, 65),
]
"""iBUG's point on the other side of the face"""


def test_anchors_are_the_middles_of_cells_two_of_stride_8_and_six_of_stride_16():
    anchors = blazeface.anchors()
    assert anchors.shape == (896, 2)
    assert anchors[[0, 1, 2, 32]].tolist() == [[1 / 32] * 2, [1 / 32] * 2, [3 / 32, 1 / 32], [1 / 32, 3 / 32]]
    assert anchors[512].tolist() == anchors[517].tolist() == [1 / 16, 1 / 16]
    assert anchors[518].tolist() == [3 / 16, 1 / 16] and anchors[-1].tolist() == [15 / 16, 15 / 16]


def outputs(*faces: tuple[int, float, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    regressors, scores = np.zeros((896, 16), np.float32), np.full(896, -200.0, np.float32)
    for anchor, score, numbers in faces:
        scores[anchor], regressors[anchor, : len(numbers)] = score, numbers
    return regressors, scores


def test_a_box_is_decoded_from_its_anchor_in_pixels_of_128():
    (face,) = blazeface.decoded(*outputs((0, 2.0, [8, 16, 32, 64, -4, 4])))
    assert face.score == pytest.approx(1 / (1 + np.exp(-2)))
    # middle (1/32 + 8/128, 1/32 + 16/128) = (.09375, .15625), half of .25 x .5
    assert face.box == pytest.approx([-0.03125, -0.09375, 0.21875, 0.40625])
    assert face.points[0] == pytest.approx([0, 0.0625]) and face.points[5] == pytest.approx([1 / 32, 1 / 32])


def test_boxes_of_one_face_are_averaged_by_their_scores_and_others_stay():
    even = float(np.log(3))  # a score of 3/4
    size = [0, 0, 64, 64]
    near, far = (512, even, size), (513, 0.0001, size)
    moved = (512 + 6, float(np.log(3)), [0, 0, 64, 64])
    faces = blazeface.decoded(*outputs(near, moved, (895, 5.0, size)))
    assert [round(face.score, 3) for face in faces] == [0.993, 0.75]
    # two anchors of the same score, one cell (1/8) apart: the middle between them
    assert faces[1].box == pytest.approx([-0.125, -0.1875, 0.375, 0.3125])
    assert len(blazeface.decoded(*outputs(near, far))) == 1


def test_scores_are_clipped_and_one_half_is_no_face():
    assert blazeface.decoded(*outputs((3, 0.0, [0, 0, 9, 9]))) == []
    (face,) = blazeface.decoded(*outputs((3, 1e30, [0, 0, 9, 9])))
    assert face.score == 1.0


def test_a_frame_is_laid_into_the_square_and_places_come_back():
    box, scaled = blazeface.letterbox(360, 640)
    assert scaled == (128, 72) and (box.left, box.top) == (0, 28)
    corners = box.back(np.array([[0, 28 / 128], [1, 100 / 128]]))
    assert corners == pytest.approx(np.array([[-0.5, -0.5], [639.5, 359.5]]))


def test_the_crop_is_one_and_a_half_boxes_wide_and_levels_the_eyes():
    place = face_mesh.crop_place(
        np.array([100.0, 50.0]), 64.0, np.array([90.0, 40.0]), np.array([96.0, 48.0])
    )
    assert np.hypot(*place[:, 0]) == pytest.approx(192 / 96)
    right, left = (place[:, :2] @ eye + place[:, 2] for eye in ([90, 40], [96, 48]))
    assert right[1] == pytest.approx(left[1]) and left[0] - right[0] == pytest.approx(20)
    assert place @ [100, 50, 1] == pytest.approx([95.5, 95.5])


def test_points_of_the_crop_come_back_into_the_frame():
    place = face_mesh.crop_place(
        np.array([100.0, 50.0]), 64.0, np.array([90.0, 40.0]), np.array([96.0, 48.0])
    )
    values = np.zeros((468, 3), np.float32)
    values[7] = [96, 96, 10]
    mesh = face_mesh.in_frame(values.reshape(-1), place)
    assert mesh.shape == (468, 3) and mesh.dtype == np.float32
    assert mesh[7] == pytest.approx([100, 50, 5])


def test_the_next_crop_follows_the_points_and_does_not_grow():
    mesh = MESH * 112
    place = face_mesh.place_from_mesh(mesh)
    moved = (mesh[:, :2] - 0) @ place[:, :2].T + place[:, 2]
    spread = moved.max(axis=0) - moved.min(axis=0)
    assert spread.max() == pytest.approx(192 / 1.5, rel=0.02)


def test_the_68_points_are_distinct_and_mirror_each_other_on_a_face():
    table = list(face_mesh.IBUG)
    assert len(table) == 68 == len(set(table)) and max(table) < 468
    marks = MESH[table, :2]
    middle = MESH[[168, 1, 152], 0].mean()
    mirrored = marks[MIRRORED] * [-1, 1] + [2 * middle, 0]
    assert np.abs(mirrored - marks).max() < 0.08  # of the face's side; nobody is symmetric


def test_the_68_points_lie_where_ibug_has_them():
    marks = MESH[list(face_mesh.IBUG), :2]
    x, y = marks.T
    assert (np.diff(x[:17]) > -0.02).all()  # the jaw goes from the viewer's left to the right
    assert y[8] == y.max()  # by way of the chin
    assert y[17:27].max() < y[36:48].min()  # brows above eyes
    assert (np.diff(y[27:31]) > 0).all() and (np.diff(x[31:36]) > 0).all()
    assert x[36] == x[36:42].min() and x[45] == x[42:48].max()
    assert y[[37, 38]].max() < y[[40, 41]].min() and y[[43, 44]].max() < y[[46, 47]].min()
    assert x[48] == x[48:60].min() and x[54] == x[48:60].max()
    assert y[51] < y[62] <= y[66] < y[57]  # lips: outside, inside, inside, outside


def test_five_points_are_eyes_nose_and_mouth_from_the_viewers_left():
    five = face_mesh.five_points(MESH * 112)
    arcface = [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]]
    assert np.abs(five - arcface).max() < 8  # the stored mesh is of an aligned face that smiles
