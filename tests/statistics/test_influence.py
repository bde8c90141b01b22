"""Influence values: the scores are scikit-learn's and ours, the variance is the jackknife's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from fusionbench.learn.metrics import Predictions, scores
from fusionbench.statistics.influence import (
    INFLUENCES,
    accuracy,
    m_score,
    macro_f1,
    per_clip,
    positive_f1,
    uar,
)
from fusionbench.statistics.paired import paired

CLASSES = 5


def clips(n=1500, people=50, seed=0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, what two heads said, and the person of each clip; people differ in how well they are read."""
    rng = np.random.default_rng(seed)
    person = rng.integers(0, people, n)
    labels = rng.choice(CLASSES, n, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    skill = 0.6 + rng.normal(0, 0.1, (2, people))[:, person]
    said = np.where(rng.random((2, n)) < skill, labels, rng.integers(0, CLASSES, (2, n)))
    return labels, said, person


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        (np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])),
        (np.array([0, 0, 1, 3]), np.array([0, 2, 1, 1])),  # 2 is only predicted, 3 only occurs, 4 neither
        (clips()[0], clips()[1][0]),
    ],
)
def test_scores_are_those_of_the_table(labels, predicted):
    log_p = np.log(np.eye(CLASSES)[predicted] * 0.9 + 0.01)
    table = scores(Predictions(tuple(map(str, range(len(labels)))), labels, log_p))
    for name in ("accuracy", "uar", "f1"):
        found = INFLUENCES[name](labels, predicted, CLASSES)
        assert found.score == pytest.approx(table[name], rel=1e-12), name
        assert found.per_clip.mean() == pytest.approx(table[name], rel=1e-12), name


def test_scores_are_those_of_scikit_learn():
    labels, (said, _), _ = clips()
    f1 = f1_score(labels, said, average="macro")
    assert accuracy(labels, said, CLASSES).score == pytest.approx(accuracy_score(labels, said))
    assert uar(labels, said, CLASSES).score == pytest.approx(recall_score(labels, said, average="macro"))
    assert macro_f1(labels, said, CLASSES).score == pytest.approx(f1)
    assert m_score(labels, said, CLASSES).score == pytest.approx(
        0.33 * accuracy_score(labels, said) + 0.67 * f1
    )
    for positive in range(CLASSES):
        assert positive_f1(labels, said, CLASSES, positive).score == pytest.approx(
            f1_score(labels == positive, said == positive)
        )


def test_by_hand():
    # class 0: 2 clips, 1 right; class 1: 2 clips, both right; UAR = (1/2 + 1) / 2
    found = uar([0, 0, 1, 1], [0, 1, 1, 1], 2)
    assert found.score == 0.75
    assert found.values.tolist() == [0.5, -0.5, 0, 0]  # 1/2 classes / (2/4 of the clips) * (right - recall)
    # F1 of class 1 = 2 * 2 / (2 + 3) = .8; per clip (2 right - F1 (true + claimed)) / (5/4 of the clips)
    assert positive_f1([0, 0, 1, 1], [0, 1, 1, 1], 2, 1).values == pytest.approx([0, -0.64, 0.32, 0.32])


@pytest.mark.parametrize("name", INFLUENCES)
def test_values_are_the_derivative_by_the_share_of_a_cell(name):
    labels, (said, _), _ = clips(n=300)
    found, step = INFLUENCES[name](labels, said, CLASSES), 100
    for clip in (0, 7, 123):
        again, repeated = np.tile(labels, step), np.tile(said, step)
        moved = INFLUENCES[name](np.append(again, labels[clip]), np.append(repeated, said[clip]), CLASSES)
        slope = (moved.score - found.score) * (len(again) + 1)
        assert slope == pytest.approx(found.values[clip], abs=1e-3)


@pytest.mark.parametrize("name", INFLUENCES)
def test_the_variance_is_that_of_leaving_out_one_person_at_a_time(name):
    labels, said, person = clips()
    people = np.unique(person)

    def difference(kept: np.ndarray) -> float:
        a, b = (INFLUENCES[name](labels[kept], head[kept], CLASSES).score for head in said)
        return a - b

    left_out = np.array([difference(person != one) for one in people])
    jackknife = (len(people) - 1) / len(people) * ((left_out - left_out.mean()) ** 2).sum()
    a, b = (per_clip(name, labels, head, CLASSES) for head in said)
    pair = paired(a - b, person)
    assert pair.mean == pytest.approx(difference(person >= 0), rel=1e-9)
    assert pair.variance == pytest.approx(jackknife, rel=0.05)


def test_accuracy_needs_no_linearisation():
    labels, said, _ = clips()
    np.testing.assert_allclose(per_clip("accuracy", labels, said, CLASSES), said == labels, atol=1e-12)


def test_equal_predictions_differ_by_exactly_nothing():
    labels, (said, _), person = clips()
    both = per_clip("m", labels, said, CLASSES) - per_clip("m", labels, said.copy(), CLASSES)
    assert paired(both, person).p == 1


@pytest.mark.parametrize(
    ("labels", "predicted", "message"),
    [
        ([0, 1], [0], "both must be"),
        ([], [], "not empty"),
        ([0, 5], [0, 1], "a label is no class number from 0 to 4"),
        ([0, 1], [0, -1], "a prediction is no class number from 0 to 4"),
        ([0.0, 1.0], [0, 1], "a label is no class number"),
    ],
)
@pytest.mark.parametrize("name", INFLUENCES)
def test_what_is_no_prediction_is_refused(name, labels, predicted, message):
    with pytest.raises(ValueError, match=message):
        INFLUENCES[name](labels, predicted, CLASSES)


@pytest.mark.parametrize("positive", [2, 7, -1])
def test_a_class_without_clips_has_no_f1(positive):
    with pytest.raises(ValueError, match="no clip is of class"):
        positive_f1([0, 1], [0, 1], 3, positive)


def test_f1_of_a_positive_class_is_tested_like_the_others():
    labels, said = np.array([0, 1, 1, 0, 1]), np.array([[0, 1, 0, 0, 1], [1, 1, 1, 0, 0]])
    values = per_clip("positive_f1", labels, said, 2, positive=1)
    for row, predicted in zip(values, said, strict=True):
        assert row.mean() == pytest.approx(f1_score(labels, predicted, pos_label=1))
    with pytest.raises(KeyError):
        per_clip("positive_f1", labels, said, 2)
