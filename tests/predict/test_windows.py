"""Windows over a clip, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.predict.windows import windows


def cut(real, *args, **kwargs):
    return [(w.first, w.last, w.rows.tolist()) for w in windows(np.array(real, bool), *args, **kwargs)]


def test_a_quarter_of_a_window_lies_between_two_and_the_last_one_ends_with_the_clip():
    found = cut([1] * 11, 8)
    assert [(first, last) for first, last, _ in found] == [(0, 7), (2, 9), (3, 10)]
    assert found[0][2] == list(range(8))


@pytest.mark.parametrize("length", [None, 5, 9])
def test_a_clip_that_is_no_longer_is_one_window(length):
    assert cut([1] * 5, length) == [(0, 4, [0, 1, 2, 3, 4])]


def test_frames_without_a_face_are_not_looked_at_and_what_is_looked_at_is_sampled_as_by_the_run():
    # 6 of 8 frames show a face; the centres of 3 equal segments of these 6 are the 1st, 3rd and 5th
    assert cut([1, 0, 1, 1, 1, 0, 1, 1], None, frames=3) == [(0, 7, [0, 3, 6])]


def test_a_window_with_fewer_faces_than_can_be_judged_is_left_unjudged_and_counted():
    found = windows(np.array([1, 1, 0, 0, 0, 1, 1, 1], bool), 4, 4, least=2)
    assert [(w.faces, len(w.rows)) for w in found] == [(2, 2), (3, 3)]
    found = windows(np.array([1, 1, 1, 1, 0, 0, 0, 1], bool), 4, 4, least=2)
    assert [(w.faces, len(w.rows)) for w in found] == [(4, 4), (1, 0)]


def test_steps_of_ones_own():
    assert [w.first for w in windows(np.ones(10, bool), 4, 3)] == [0, 3, 6]
    assert [w.first for w in windows(np.ones(11, bool), 4, 3)] == [0, 3, 6, 7]
    assert [w.first for w in windows(np.ones(3, bool), 1)] == [0, 1, 2]
