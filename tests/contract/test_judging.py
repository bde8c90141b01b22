"""Metrics are those of the protocol; the positive class is one of two."""

from __future__ import annotations

import pytest

import fusionbench as fb
from fusionbench.contract.judging import Judging

TWO = ("calm", "moving")


def test_the_headline_decides_unless_another_was_asked_for():
    assert fb.Protocol().judging(None, None, TWO) == Judging(("accuracy", "uar", "f1"))
    assert fb.Protocol().judging("f1", None, TWO) == Judging(("f1", "accuracy", "uar"))
    assert fb.Protocol(headline="uar").judging(None, None, TWO).decides == "uar"
    assert fb.Protocol(headline="uar").judging("accuracy", None, TWO).metrics == ("accuracy", "uar", "f1")


def test_a_protocol_may_offer_more_and_a_headline_is_always_offered():
    assert fb.Protocol(headline="m").judging(None, None, TWO).metrics == ("m", "accuracy", "uar", "f1")
    assert fb.Protocol(metrics=("accuracy", "m")).judging("m", None, TWO).metrics == ("m", "accuracy")


def test_a_positive_class_brings_its_own_metric():
    judging = fb.Protocol().judging(None, "moving", TWO)
    assert judging == Judging(("accuracy", "uar", "f1", "positive_f1"), positive=1)
    assert fb.Protocol().judging("positive_f1", "calm", TWO) == Judging(
        ("positive_f1", "accuracy", "uar", "f1"), positive=0
    )


@pytest.mark.parametrize(
    ("metric", "positive", "classes", "message"),
    [
        ("urr", None, TWO, r"metric 'urr' is none .* Did you mean 'uar'\? Its metrics: accuracy, uar, f1\."),
        ("m", None, TWO, r"metric 'm' is none .* Its metrics: accuracy, uar, f1\."),
        ("positive_f1", None, TWO, r"It needs a positive class: --set positive=CLASS\."),
        (
            "uar",
            "movin",
            TWO,
            r"'movin' is no class\. Did you mean 'moving'\? The two classes: calm, moving\.",
        ),
        ("uar", "a", ("a", "b", "c"), r"needs two classes, and there are 3: a, b, c\."),
        ("uar", "a", ("a",), r"needs two classes, and there are 1: a\."),
    ],
)
def test_what_is_not_offered_is_refused(metric, positive, classes, message):
    with pytest.raises(fb.UserError, match=message):
        fb.Protocol().judging(metric, positive, classes)


def test_a_protocol_that_names_what_nobody_computes_is_told():
    with pytest.raises(fb.UserError, match=r"protocol names metric 'auc', which is not known\. .*Known: acc"):
        fb.Protocol(metrics=("accuracy", "auc")).judging(None, None, TWO)
