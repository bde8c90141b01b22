"""Folds against baycomp, checkpoints against statsmodels, best-after-k by counting all subsets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from baycomp import CorrelatedTTest
from statsmodels.stats.contingency_tables import mcnemar

from fusionbench.statistics.best_after import best_after
from fusionbench.statistics.mcnemar import checkpoints, exact_p
from fusionbench.statistics.nadeau_bengio import over_folds


@pytest.mark.parametrize("folds", [5, 10])
def test_folds_as_baycomp(folds):
    a, b = np.random.default_rng(folds).normal(0.6, 0.05, (2, folds))
    found = over_folds(a - b, n_train=(folds - 1) * 40, n_test=40)
    assert found.p == pytest.approx(2 * min(CorrelatedTTest(a, b).probs()))
    assert found.df == folds - 1


def test_repeated_folds_as_baycomp():
    a, b = np.random.default_rng(0).normal(0.6, 0.05, (2, 30))
    found = over_folds(a - b, n_train=90, n_test=10)
    assert found.p == pytest.approx(2 * min(CorrelatedTTest(a, b, runs=3).probs()))


def test_folds_by_hand():
    # variance over folds .0001; times (1/2 + 1/4); t with 1 degree of freedom is Cauchy: .975 at 12.7062
    found = over_folds([0.02, 0.02 + 0.01 * 2**0.5], n_train=4, n_test=1)
    assert found.high - found.mean == pytest.approx(12.7062 * 0.01 * 0.75**0.5, rel=1e-5)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


@pytest.mark.parametrize(("value", "p"), [(0.0, 1), (0.1, 0)])
def test_folds_that_all_agree(value, p):
    found = over_folds([value] * 7, 9, 1)
    assert (found.p, found.low, found.high) == (p, found.mean, found.mean)


@pytest.mark.parametrize("d", [[0.1], [[0.1, 0.2]], [0.1, np.nan]])
def test_what_is_no_row_of_folds_is_refused(d):
    with pytest.raises(ValueError, match=r"finite, \(folds,\), at least two"):
        over_folds(d, 4, 1)


def test_folds_without_clips_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        over_folds([0.1, 0.2], 4, 0)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 3), (1, 9), (40, 20), (0, 5)])
def test_checkpoints_as_statsmodels(only_a, only_b):
    reference = mcnemar([[17, only_a], [only_b, 4]], exact=True)
    assert exact_p(only_a, only_b) == pytest.approx(reference.pvalue)


def test_checkpoints_are_counted_on_the_clips_they_disagree_on():
    found = checkpoints([1, 1, 1, 0, 0], [1, 0, 0, 1, 0])
    assert (found.only_a, found.only_b, found.p) == (2, 1, 1)
    assert found.holds_for.startswith("these two checkpoints")


@pytest.mark.parametrize(("a", "b"), [([1, 0], [1]), ([[1, 0]], [[1, 0]])])
def test_checkpoints_of_other_clips_are_refused(a, b):
    with pytest.raises(ValueError, match="of the same clips"):
        checkpoints(a, b)


def test_checkpoints_need_right_and_wrong_not_classes():
    with pytest.raises(ValueError, match="true or false"):
        checkpoints([0, 3], [1, 1])


def test_the_best_after_k_is_the_mean_over_all_subsets():
    scores = [0.3, 0.9, 0.1, 0.5, 0.5, 0.2, 0.8]
    curve = best_after(scores)
    for k in range(1, 8):
        assert curve[k - 1] == pytest.approx(np.mean([max(chosen) for chosen in combinations(scores, k)]))
    errors = best_after(scores, higher_is_better=False)
    for k in range(1, 8):
        assert errors[k - 1] == pytest.approx(np.mean([min(chosen) for chosen in combinations(scores, k)]))


def test_the_best_of_many_trials_stays_within_floating_point():
    curve = best_after(np.arange(2000) / 1999)
    assert curve[0] == pytest.approx(0.5)
    assert curve[-1] == 1
    # the expected largest of k out of 1..n is k (n + 1) / (k + 1)
    assert curve[9] == pytest.approx((10 * 2001 / 11 - 1) / 1999)
    assert (np.diff(curve) > 0).all()


@pytest.mark.parametrize("scores", [[], [0.1, np.nan], [[0.1, 0.2]]])
def test_what_is_no_row_of_trials_is_refused(scores):
    with pytest.raises(ValueError, match=r"\(trials,\)"):
        best_after(scores)
