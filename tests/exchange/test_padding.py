"""Padding: cut where all arrays of one length are zero, counted, never mistaken for silence."""

from __future__ import annotations

import numpy as np

from fusionbench.exchange.padding import Padding


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_arrays_of_one_length_are_cut_where_all_are_zero():
    padding = Padding()
    cut = padding.cut({"a": column(1, 0, 0, 0), "b": column(0, 2, 0, 0)})
    assert {n: v.ravel().tolist() for n, v in cut.items()} == {"a": [1, 0], "b": [0, 2]}
    assert padding.plain() == {"a": 2, "b": 2}
    assert padding.told() == ["padding: frames of zeros cut off the ends of 1 clip(s): a 2, b 2."]


def test_padding_in_front_is_cut_too_and_zeros_within_stay():
    assert Padding().cut({"a": column(0, 0, 1, 0, 2)})["a"].ravel().tolist() == [1, 0, 2]


def test_arrays_of_other_lengths_are_cut_each_by_itself():
    cut = Padding().cut({"text": column(1, 2, 0), "audio": column(1, 2, 3, 4, 5, 0)})
    assert {n: len(v) for n, v in cut.items()} == {"text": 2, "audio": 5}


def test_minus_infinity_is_no_padding():
    assert len(Padding().cut({"a": column(1, -np.inf, 0)})["a"]) == 2


def test_a_stream_of_zeros_stays_beside_one_that_goes_on():
    padding = Padding()
    cut = padding.cut({"text": column(1, 2, 0), "vision": column(0, 0, 0, 0)})
    assert cut["vision"].tolist() == [[0]] and len(cut["text"]) == 2
    assert "stream 'vision' is zero throughout in 1 clip(s)" in padding.told()[1]


def test_a_clip_of_zeros_is_nothing():
    assert Padding().cut({"a": column(0, 0), "b": column(0, 0, 0)}) == {}
