"""Which of several faces is gone on with."""

from __future__ import annotations

import numpy as np

import fusionbench as fb


def face(left: float, top: float, side: float) -> fb.Face:
    return fb.Face((left, top, left + side, top + side), np.zeros((5, 2)))


SMALL, LARGE, MIDDLE = face(5, 5, 10), face(60, 0, 30), face(45, 45, 10)
ALL, SHAPE = [SMALL, LARGE, MIDDLE], (100, 100, 3)


def test_the_largest_the_central_or_the_one_followed():
    assert fb.chosen_face(ALL, "largest", SHAPE, before=SMALL) is LARGE
    assert fb.chosen_face(ALL, "central", SHAPE, before=SMALL) is MIDDLE
    assert fb.chosen_face(ALL, "track", SHAPE, before=face(8, 2, 12)) is SMALL


def test_a_face_far_from_the_one_followed_is_somebody_elses_until_it_may_have_come_there():
    before = face(10, 10, 10)  # middle (15, 15); the next face's middle is 40 away, four sides
    other = [face(50, 10, 10)]
    assert fb.chosen_face(other, "track", SHAPE, before) is None
    assert fb.chosen_face(other, "track", SHAPE, before, lost=74) is None
    assert fb.chosen_face(other, "track", SHAPE, before, lost=75) is other[0]
    assert fb.chosen_face(other, "central", SHAPE, before) is other[0]


def test_the_largest_is_followed_from_where_nobody_was_and_of_none_there_is_none():
    assert fb.chosen_face(ALL, "track", SHAPE) is LARGE
    assert fb.chosen_face([], "track", SHAPE, before=SMALL) is None
