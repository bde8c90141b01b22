"""Clocks: numbers worked by hand, for frames that are evenly spread and for frames with times."""

from __future__ import annotations

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.exchange import clock as module
from fusionbench.exchange.clock import Clock, resampled


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float64)[:, None]


def common(rule, streams, intervals=None, clock="text"):
    return {
        n: v.ravel().tolist() for n, v in Clock(clock, rule).common("c", streams, intervals or {}).items()
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("mean", [1.5, 3.5, 5.5]),
        ("nearest", [1, 3, 5]),  # two middles are equally near: the earlier one
        ("linear", [1.5, 3.5, 5.5]),
    ],
)
def test_six_evenly_spread_frames_on_a_clock_of_three(rule, expected):
    streams = {"text": column(10, 20, 30), "audio": column(1, 2, 3, 4, 5, 6)}
    assert common(rule, streams) == {"text": [10, 20, 30], "audio": expected}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("mean", [1.5, 2.5]),  # the middle frame of three overlaps both halves
        ("nearest", [1, 3]),
        ("linear", [1.25, 2.75]),  # middles 0.75 and 2.25 between 0.5, 1.5, 2.5
    ],
)
def test_three_frames_on_a_clock_of_two(rule, expected):
    assert common(rule, {"text": column(0, 0), "audio": column(1, 2, 3)})["audio"] == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("mean", [1, 1, 2, 2]), ("nearest", [1, 1, 2, 2]), ("linear", [1, 1.25, 1.75, 2])],
)
def test_two_frames_on_a_clock_of_four(rule, expected):
    assert common(rule, {"text": column(*range(4)), "audio": column(1, 2)})["audio"] == expected


@pytest.mark.parametrize("rule", ["mean", "nearest", "linear"])
def test_one_frame_is_held_and_equal_lengths_stay(rule):
    streams = {"text": column(1, 2, 3), "face": column(5), "audio": column(7, 8, 9)}
    found = common(rule, streams)
    assert found["face"] == [5, 5, 5] and found["audio"] == [7, 8, 9]


INTERVALS = {
    "text": np.array([[0, 0.5], [0.5, 1.5], [2, 3]]),
    "audio": np.array([[k / 4, (k + 1) / 4] for k in range(6)]),
}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("mean", [0.5, 3.5, None]),  # words of 2 and 4 quarters; nothing overlaps the third
        ("nearest", [0, 3, 5]),  # middles 0.25 (0 and 1 equally near), 1.0, 2.5
        ("linear", [0.5, 3.5, 5]),
    ],
)
def test_intervals_decide_where_there_are_some(rule, expected):
    streams = {"text": column(0, 0, 0), "audio": column(0, 1, 2, 3, 4, 5)}
    found = common(rule, streams, INTERVALS)["audio"]
    assert [None if np.isnan(v) else v for v in found] == expected


def test_touching_is_no_overlap_and_blocks_change_nothing(monkeypatch):
    draw = np.random.default_rng(0)
    values, own = draw.normal(size=(30, 2)), np.arange(30)[:, None] + [0.0, 1.0]
    clock = np.array([[0.0, 3.0], [3.0, 4.0], [4.5, 29.5]])
    expected = np.stack([values[:3].mean(0), values[3], values[4:30].mean(0)])
    assert resampled(values, own, clock, "mean") == pytest.approx(expected)
    monkeypatch.setattr(module, "_BLOCK", 31)
    assert resampled(values, own, clock, "mean") == pytest.approx(expected)


def test_without_a_clock_other_lengths_are_refused_with_the_choices():
    with pytest.raises(fb.UserError) as told:
        Clock(None, None).common("c3", {"text": column(1), "audio": column(1, 2)}, {})
    assert "clip 'c3': its streams differ in length: {'text': 1, 'audio': 2}." in str(told.value)
    assert "--clock text | audio --resample mean | nearest | linear" in str(told.value)


def test_equal_lengths_at_other_times_are_refused_too():
    times = {"a": np.array([[0, 1], [1, 2]]), "b": np.array([[0, 1], [3, 4]])}
    streams = {"a": column(1, 2), "b": column(1, 2)}
    with pytest.raises(fb.UserError, match="of one length, at different times"):
        Clock(None, None).common("c", streams, times)
    assert Clock(None, None).common("c", streams, {"a": times["a"], "b": times["a"] + 1e-7}) == streams


def test_a_clock_goes_with_a_rule_and_must_be_a_stream():
    with pytest.raises(fb.UserError, match="--clock goes with --resample"):
        Clock("text", None)
    with pytest.raises(fb.UserError, match="--resample goes with --clock STREAM"):
        Clock(None, "mean")
    with pytest.raises(
        fb.UserError, match=r"--clock txt: clip 'c' has no such stream\. Did you mean 'text'\?"
    ):
        Clock("txt", "mean").common("c", {"text": column(1)}, {})
