"""What is missing: refused with clip and frame, or filled by the named rule."""

from __future__ import annotations

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.exchange.leaving_out import LeftOut
from fusionbench.exchange.missing import Missing

HOLES = np.array([[np.nan, 0], [1, -np.inf], [np.nan, 4], [4, 8], [np.inf, 0]], np.float32)


def test_without_a_rule_clip_frame_and_choices_are_told():
    with pytest.raises(fb.UserError) as told:
        Missing(None).filled("c7", "audio", HOLES[1:])
    assert str(told.value).startswith(
        "clip 'c7', stream 'audio': NaN, -inf, +inf in 3 of 4 frames, first in frame 0. Say what to do: "
        "--missing interpolate"
    )
    assert "--missing zero" in str(told.value) and "--missing drop-clip" in str(told.value)


def test_zero_is_put_in_place_of_single_numbers():
    missing = Missing("zero")
    assert missing.filled("c", "a", HOLES).tolist() == [[0, 0], [1, 0], [0, 4], [4, 8], [0, 0]]
    assert missing.plain() == {"a": {"NaN": 2, "-inf": 1, "+inf": 1}}
    assert missing.told()[0].startswith(
        "stream 'a': NaN in 2 frame(s), -inf in 1 frame(s), +inf in 1 frame(s) of 1"
    )


def test_interpolation_is_linear_between_and_holds_at_the_ends():
    assert Missing("interpolate").filled("c", "a", HOLES).tolist() == [
        [1, 0],
        [1, 2],
        [2.5, 4],
        [4, 8],
        [4, 0],
    ]


def test_a_channel_without_any_number_cannot_be_interpolated():
    with pytest.raises(
        fb.UserError, match=r"clip 'c', stream 'a': channel 1 has no number .* --missing zero"
    ):
        Missing("interpolate").filled("c", "a", np.array([[1, np.nan], [2, np.nan]]))


def test_a_clip_can_be_left_out():
    with pytest.raises(LeftOut, match=r"numbers are missing in stream 'a': NaN, -inf, .inf in 4 of 5 frames"):
        Missing("drop-clip").filled("c", "a", HOLES)


def test_what_is_whole_is_not_touched():
    whole = np.ones((2, 2), np.float32)
    missing = Missing(None)
    assert missing.filled("c", "a", whole) is whole and missing.told() == []
