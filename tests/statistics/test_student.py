"""Student's t against scipy's distribution, with degrees of freedom that are no whole numbers."""

from __future__ import annotations

import pytest
from scipy import stats

from fusionbench.statistics import student


@pytest.mark.parametrize("df", [0.5, 1, 4.3, 120])
@pytest.mark.parametrize("mean", [-0.02, 0.0, 0.3])
def test_p_and_interval(df, mean):
    there = stats.t(df, loc=mean, scale=0.05)
    assert student.interval(mean, 0.0025, df, 0.9) == pytest.approx(there.interval(0.9))
    assert student.p_two_sided(mean, 0.0025, df) == pytest.approx(2 * stats.t.sf(abs(mean) / 0.05, df))


@pytest.mark.parametrize(("mean", "margin"), [(0.0, 0.01), (-0.004, 0.01), (0.02, 0.01)])
def test_equivalence_is_the_larger_of_two_one_sided_tests(mean, margin):
    below = stats.t.sf((mean + margin) / 0.004, 7.5)
    above = stats.t.sf((margin - mean) / 0.004, 7.5)
    p = student.p_equivalence(mean, 0.004**2, 7.5, margin)
    assert p == pytest.approx(max(below, above))
    low, high = student.interval(mean, 0.004**2, 7.5, 0.9)
    assert (p < 0.05) == (-margin < low and high < margin)


def test_the_detectable_difference_is_found_in_four_of_five_comparisons():
    # the power of a t-test is that of the noncentral t; with many degrees of freedom both agree
    mdd = student.detectable(1.0, 500)
    found = stats.nct.sf(stats.t.ppf(0.975, 500), 500, mdd)
    assert found == pytest.approx(0.8, abs=0.002)


@pytest.mark.parametrize(
    ("mean", "p", "equivalent"), [(0.0, 1, 0), (0.005, 0, 0), (0.01, 0, 0.5), (-0.02, 0, 1)]
)
def test_without_variance_the_estimate_is_certain(mean, p, equivalent):
    assert student.p_two_sided(mean, 0, 4) == p
    assert student.p_equivalence(mean, 0, 4, 0.01) == equivalent
    assert student.interval(mean, 0, 4) == (mean, mean)
