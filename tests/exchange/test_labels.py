"""Labels: chosen by name, cut by rules whose numbers are worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.exchange.labels import RULES, Label, choose_label
from fusionbench.exchange.leaving_out import LeftOut

NUMBERS = [-3, -2.5, -1.5, -0.6, -0.5, -0.2, 0, 0.1, 0.4, 0.5, 1.5, 2.5, 3]
N, Z, P = "negative", "neutral", "positive"


def classes(rule: str, values: list[float]) -> list[str | None]:
    found = []
    for value in values:
        try:
            found.append(Label("y", rule).of("c", {"y": value}))
        except LeftOut:
            found.append(None)
    return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("sentiment2", [N] * 6 + [None] + [P] * 6),
        ("sentiment2-has0", [N] * 6 + [P] * 7),
        ("sentiment3", [N] * 6 + [Z] + [P] * 6),
        # numpy.round and torch.round take halves to the even number
        ("sentiment7", ["-3", "-2", "-2", "-1", "0", "0", "0", "0", "0", "0", "2", "2", "3"]),
    ],
)
def test_sentiment_of_mosi_and_mosei(rule, expected):
    assert classes(rule, NUMBERS) == expected
    assert classes("sentiment7", NUMBERS) == [str(int(v)) for v in np.round(NUMBERS)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("sims2", [N, N, N, N, N, P, P, P, P]),
        ("sims3", [N, N, N, Z, Z, Z, P, P, P]),
        ("sims5", [N, N, f"weakly {N}", Z, Z, Z, f"weakly {P}", f"weakly {P}", P]),
    ],
)
def test_sentiment_of_sims(rule, expected):
    """MMSA's bins: (-1.01, -0.7], (-0.7, -0.1], (-0.1, 0.1], (0.1, 0.7], (0.7, 1.01]."""
    assert classes(rule, [-1, -0.7, -0.4, -0.05, 0, 0.1, 0.2, 0.7, 0.8]) == expected


def test_numbers_beyond_the_scale_are_refused_by_clip():
    with pytest.raises(
        fb.UserError, match=r"clip 'c': label 'y' is 40\.0; sentiment7 cuts numbers from -3 to 3"
    ):
        Label("y", "sentiment7").of("c", {"y": 40.0})


def test_a_number_on_a_scale_needs_a_rule_and_a_whole_one_does_not():
    with pytest.raises(
        fb.UserError, match=r"clip 'c': label 'y' is 0\.4, .*--label y:sentiment2 \(below 0, above 0,"
    ):
        Label("y").of("c", {"y": 0.4})
    assert [Label("y").of("c", {"y": value}) for value in (2.0, np.int64(3), "glad")] == [2.0, 3, "glad"]


@pytest.mark.parametrize("value", [None, "", float("nan"), np.nan])
def test_a_clip_without_its_label_is_left_out(value):
    with pytest.raises(LeftOut, match="label 'y' is not given"):
        Label("y").of("c", {"y": value})


def test_the_default_is_the_first_and_a_rule_cuts_the_one_on_a_scale():
    labels = ["annotations", "regression", "regression_T"]
    assert choose_label(None, labels) == Label("annotations")
    assert choose_label("regression_T", labels) == Label("regression_T")
    assert choose_label("sentiment2", labels, "regression") == Label("regression", "sentiment2")
    assert choose_label("sentiment2", labels[1:]) == Label("regression", "sentiment2")
    assert choose_label("regression_T:sentiment7", labels) == Label("regression_T", "sentiment7")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("sentiment4", r"--label sentiment4: no label or rule 'sentiment4'\. Did you mean 'sentiment"),
        ("anotations", "no label or rule 'anotations'. Did you mean 'annotations'?"),
        ("what:sentiment2", "no label or rule 'what'"),
        ("annotations:half", "no label or rule 'half'"),
    ],
)
def test_an_unknown_label_is_refused_with_the_choices(asked, message):
    with pytest.raises(fb.UserError, match=message) as told:
        choose_label(asked, ["annotations"])
    assert "Labels: annotations (default: annotations)" in str(told.value)
    assert all(rule in str(told.value) for rule in RULES)


def test_a_source_without_labels_says_where_they_may_come_from():
    with pytest.raises(fb.UserError, match="Give --clips FILE"):
        choose_label(None, [])
