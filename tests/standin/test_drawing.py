"""Drawn faces move as their action units say, in pixels and in the 68 landmarks alike."""

import dataclasses

import numpy as np
import pytest

from fusionbench.standin.action_units import ACTION_UNITS, COLUMN
from fusionbench.standin.canvas import Canvas, Pose
from fusionbench.standin.face import draw_face
from fusionbench.standin.geometry import LEFT, RIGHT, Geometry
from fusionbench.standin.identity import draw_identity
from fusionbench.standin.landmarks import landmarks

WHO = dataclasses.replace(draw_identity("subjects", 1, seed=7), beard=0.0, glasses=0.0)


def face_showing(unit: int | None = None, sides: tuple[int, ...] = (LEFT, RIGHT)) -> Geometry:
    """One frame of one person at rest, or with one action unit at full strength."""
    units = np.zeros((1, len(ACTION_UNITS), 2))
    if unit is not None:
        units[0, COLUMN[unit], list(sides)] = 1
    return Geometry(WHO, units, np.zeros(1), np.zeros((1, 2)))


def moved(unit: int, sides: tuple[int, ...] = (LEFT, RIGHT)) -> np.ndarray:
    """``(68, 2)`` how far an action unit moves each landmark; negative v is up."""
    return (landmarks(face_showing(unit, sides)) - landmarks(face_showing()))[0]


def test_landmarks_come_in_the_ibug_order():
    points = landmarks(face_showing())[0]
    u, v = points.T
    assert points.shape == (68, 2)
    assert (np.diff(u[1:16]) > 0).all() and v[0:17].argmax() == 8
    assert (np.diff(u[17:27]) > 0).all()
    assert (np.diff(v[27:31]) > 0).all() and (np.diff(u[31:36]) > 0).all()
    assert u[36] < u[39] < u[42] < u[45]
    assert v[37] < v[41] and v[38] < v[40] and v[44] < v[46]
    assert u[48] < u[51] < u[54] and v[51] < v[57]
    assert u[60] < u[64] and u[61] < u[63] and u[67] < u[65]
    np.testing.assert_allclose(u[[8, 27, 33, 51, 57, 62, 66]], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "raised", "lowered", "still"),
    [
        (1, [21, 22], [], [17, 26, 48, 54]),
        (2, [17, 26], [], [21, 22, 48, 54]),
        (4, [], [21, 22], [48, 54]),
        (5, [37, 38, 43, 44], [], [40, 41, 46, 47]),
        (6, [40, 41, 46, 47], [], [17, 26, 48]),
        (12, [48, 54], [], [17, 26, 37]),
        (15, [], [48, 54], [17, 26, 37]),
        (17, [57, 8], [], [37]),
        (26, [], [8, 57, 66], [21, 37]),
    ],
)
def test_an_action_unit_moves_what_facs_says(unit, raised, lowered, still):
    dv = moved(unit)[:, 1]
    assert (dv[raised] < -0.01).all()
    assert (dv[lowered] > 0.01).all()
    np.testing.assert_allclose(dv[still], 0, atol=1e-6)


def test_a_stretched_mouth_is_wider_and_a_tightened_one_narrower():
    du = {unit: moved(unit)[:, 0] for unit in (20, 23)}
    assert du[20][54] > 0.03 and du[20][48] < -0.03
    assert du[23][54] < -0.03 and du[23][48] > 0.03


def test_a_smirk_lifts_one_corner():
    dv = moved(12, (RIGHT,))[:, 1]
    assert dv[54] < -0.05 and abs(dv[48]) < 1e-6


def test_every_action_unit_can_be_seen():
    still = Pose(*np.zeros((3, 1)), scale=np.full(1, 0.95), yaw=np.zeros(1))

    def picture(face: Geometry) -> np.ndarray:
        canvas = Canvas(still)
        draw_face(canvas, face)
        return canvas.image

    rest = picture(face_showing())
    for unit in ACTION_UNITS:
        changed = np.abs(picture(face_showing(unit)) - rest).max(axis=1) > 0.1
        assert changed.sum() >= 15, f"AU{unit} changes {changed.sum()} pixels"


def test_a_pose_and_its_inverse():
    rng = np.random.default_rng(0)
    pose = Pose(*rng.normal(0, 0.1, (3, 5)), scale=rng.uniform(0.9, 1.1, 5), yaw=rng.uniform(-0.5, 0.5, 5))
    u, v = rng.uniform(-0.8, 0.8, (2, 5, 1, 20))
    back_u, back_v = pose.to_face(*pose.to_image(u, v))
    np.testing.assert_allclose(back_u, u, atol=0.01)
    np.testing.assert_allclose(back_v, v, atol=1e-5)
