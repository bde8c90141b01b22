"""The similarity transform of five points, by hand and by the pixels it moves."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.prepare.chips import TEMPLATE, cut, mapped, placed, relative, similarity

SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float64)


def test_a_turn_a_scale_and_a_shift_are_found_exactly():
    turned = np.array([[5, 1], [5, 7], [-1, 7], [-1, 1]], np.float64)  # by 90 degrees, three times as large
    assert similarity(SQUARE, turned) == pytest.approx(np.array([[0, -3, 5], [3, 0, 1]]))


def test_what_does_not_fit_is_met_in_least_squares():
    noisy = np.add(SQUARE, [[0.1, 0], [0, -0.1], [-0.1, 0], [0, 0.1]])
    found = similarity(SQUARE, noisy)

    def miss(a: float, b: float, x: float, y: float) -> float:
        return float(((mapped(SQUARE, np.array([[a, -b, x], [b, a, y]])) - noisy) ** 2).sum())

    best = (found[0, 0], found[1, 0], found[0, 2], found[1, 2])
    assert all(miss(*best) < miss(*np.add(best, step)) for step in 0.01 * np.vstack([np.eye(4), -np.eye(4)]))


def test_a_mirror_image_is_not_turned_inside_out():
    found = similarity(SQUARE, SQUARE * [-1, 1])
    assert np.linalg.det(found[:, :2]) >= 0


def test_arcfaces_points_stay_where_they_are_at_112_and_shrink_about_pixel_corners_at_96():
    assert placed(TEMPLATE, 112) == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-9)
    small = mapped(TEMPLATE, placed(TEMPLATE, 96))
    assert small[0] == pytest.approx([38.7946 * 96 / 112 - 0.5, 52.1963 * 96 / 112 - 0.5])


def test_two_eyes_are_enough():
    eyes = np.array([[10.0, 10.0], [10.0, 20.0]])  # one below the other: a face lying on its side
    place = placed(eyes, 112)
    assert mapped(eyes, place) == pytest.approx(TEMPLATE[:2])


def test_a_face_is_cut_where_its_place_says_and_black_beyond_the_frame():
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[4, 7] = 200
    chip = cut(frame, np.array([[1.0, 0, -5], [0, 1, -3]]), 16)
    assert chip.shape == (16, 16, 3) and chip[1, 2].tolist() == [200] * 3 and chip.sum() == 600
    beyond = cut(np.full((20, 30, 3), 9, np.uint8), np.array([[1.0, 0, 4], [0, 1, 0]]), 16)
    assert (beyond[:, :4] == 0).all() and (beyond[:, 4:] == 9).all()


@pytest.mark.parametrize("shrink", [2, 3.7, 8])
def test_a_large_face_is_averaged_over_its_pixels_not_sampled(shrink):
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 200
    place = np.array([[1 / shrink, 0, 0], [0, 1 / shrink, 0]])
    inside = cut(stripes, place, 48)[1:, 1:].astype(int)  # the first pixels reach beyond the frame
    # By two or eight each pixel is a mean of whole stripes; by three, of two light ones and a dark one or
    # the other way round. Picked pixels would be 0 and 200.
    assert np.abs(inside - 100).max() <= (1 if shrink in (2, 8) else 34)


def test_a_large_face_stays_in_its_place():
    x = np.arange(600, dtype=np.float64)
    ramp = np.repeat((x[None] / 600 * 255).astype(np.uint8)[..., None], 3, axis=2).repeat(600, axis=0)
    place = np.array([[0.21, 0, -20], [0, 0.21, -15]])
    expected = ((np.arange(64) + 20) / 0.21) / 600 * 255
    assert np.abs(cut(ramp, place, 64)[32, :, 0] - expected).max() < 1.5


def test_points_are_given_in_shares_of_the_face_with_depth_in_the_same_unit():
    moved = mapped(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 0, 1], [0, 2, 1]]))
    assert moved.tolist() == [[3, 5, 6]]
    assert relative(moved, 10).tolist() == [[np.float32(0.35), np.float32(0.55), np.float32(0.6)]]
