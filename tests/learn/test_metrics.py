"""Metrics against scikit-learn and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from fusionbench.learn.metrics import Predictions, chance, confusion, pool, scores


def said(labels, predicted, classes=3) -> Predictions:
    log_p = np.full((len(labels), classes), np.log(0.1))
    log_p[np.arange(len(labels)), predicted] = np.log(0.8)
    return Predictions(tuple(map(str, range(len(labels)))), np.array(labels), log_p)


def test_by_hand():
    predictions = said([0, 0, 1, 1], [0, 1, 1, 1])
    assert confusion(predictions).tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    got = scores(predictions)
    assert got["accuracy"] == 0.75 and got["uar"] == 0.75
    assert got["f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert got["loss"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.1)) / 4)


def test_as_scikit_learn():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    got = scores(said(labels, predicted, 5))
    assert got["uar"] == pytest.approx(recall_score(labels, predicted, average="macro"))
    assert got["f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_pooled_accuracy_weighs_clips_not_folds():
    pooled = pool([said([0], [0]), said([0, 0, 0], [1, 1, 1])])
    assert scores(pooled)["accuracy"] == 0.25


def test_predictions_are_equal_where_every_digit_and_its_type_are():
    one = said([0, 1], [0, 1])
    assert one == said([0, 1], [0, 1])
    assert one != said([0, 1], [1, 1])
    assert one != replace(one, subjects=("ann", None))
    assert one != replace(one, log_probabilities=one.log_probabilities.astype(np.float32))


def test_pooled_predictions_know_subjects_where_every_part_does():
    one, other = said([0], [0]), said([0, 1], [1, 1])
    known = pool([replace(one, subjects=("ann",)), replace(other, subjects=("bob", None))])
    assert known.subjects == ("ann", "bob", None)
    assert pool([replace(one, subjects=("ann",)), other]).subjects is None


def test_chance_names_the_most_frequent_training_class():
    assert chance(np.array([1, 1, 0]), np.array([0, 0, 0, 1])) == 0.25
