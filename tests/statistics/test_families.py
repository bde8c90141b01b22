"""Holm against statsmodels, intervals that agree with it, three outcomes, and ranks."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fusionbench.statistics import student
from fusionbench.statistics.families import Verdict, holm, judge, rank_intervals
from fusionbench.statistics.paired import Paired, paired

BETTER_A, BETTER_B, UNKNOWN = Verdict("a", False), Verdict("b", False), Verdict(None, False)


def pair(mean: float, error: float, df: float = 20.0) -> Paired:
    """A pair as the test would give it."""
    v = error**2
    low, high = student.interval(mean, v, df)
    p, mdd = student.p_two_sided(mean, v, df), student.detectable(v, df)
    return Paired(mean, low, high, df, p, mdd, v, v, v, v, seeds=5, clips=100, groups=100)


@pytest.mark.parametrize("tests", [1, 2, 7, 21])
def test_holm_as_statsmodels(tests):
    rng = np.random.default_rng(tests)
    for _ in range(4):
        p = rng.random(tests) ** 3
        p[rng.integers(tests)] = p[0]  # ties
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]).tolist() == []


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [np.nan], [[0.1]]])
def test_what_is_no_p_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(p)


@pytest.mark.parametrize("pairs", [1, 3, 21])
def test_an_interval_leaves_out_0_exactly_where_the_adjusted_p_is_below_5_percent(pairs):
    rng = np.random.default_rng(pairs)
    words = set()
    for _ in range(60):
        drawn = zip(
            rng.normal(0, 0.05, pairs),
            rng.uniform(0.005, 0.05, pairs),
            rng.uniform(1, 60, pairs),
            strict=True,
        )
        for found in judge([pair(*map(float, one)) for one in drawn]):
            words.add(found.verdict.word)
            assert (
                (found.low > 0 or found.high < 0)
                == (found.p_holm < 0.05)
                == (found.verdict.better is not None)
            )
            # nothing is left open that is said to be large enough to be found
            assert found.verdict.better is not None or abs(found.pair.mean) < found.mdd
    assert words >= {"a", "b", "unknown"}


@pytest.mark.parametrize("sign", [1, -1])
def test_intervals_are_bonferronis_but_for_the_end_at_0_where_only_holm_finds_a_difference(sign):
    # t 4, 2.6, 1; p .0007, .017, .33: Bonferroni's 5 % / 3 = .0167 misses the second, Holm's 5 % / 2 does not
    t = np.array([4, 2.6, 1])
    found = judge([pair(sign * 0.01 * one, 0.01) for one in t])
    bonferroni = stats.t.ppf(1 - 0.05 / 3 / 2, 20)
    near, far = t - [bonferroni, stats.t.ppf(1 - 0.05 / 2 / 2, 20), bonferroni], t + bonferroni
    ends = [(one.low, one.high) if sign > 0 else (-one.high, -one.low) for one in found]
    np.testing.assert_allclose(ends, 0.01 * np.column_stack([near, far]))
    assert [one.verdict.word for one in found] == ["a" if sign > 0 else "b"] * 2 + ["unknown"]
    assert [one.mdd for one in found] == pytest.approx([0.01 * (bonferroni + stats.t.ppf(0.8, 20))] * 3)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0, 1, 5], ids=lambda apart: f"{apart} standard errors apart")
def test_the_intervals_of_a_family_hold_together(apart):
    """Seven heads in a row: at five errors some neighbours are found by Holm alone."""
    rng, truths, families = np.random.default_rng(0), apart * np.arange(7), 500
    both = list(combinations(range(7), 2))
    missed = 0
    for _ in range(families):
        x = truths + rng.normal(0, 0.5**0.5, 7)
        found = judge([pair(x[a] - x[b], 1.0, 1e6) for a, b in both])
        missed += any(
            not one.low <= truths[a] - truths[b] <= one.high for one, (a, b) in zip(found, both, strict=True)
        )
    assert missed / families <= 0.05


def test_a_family_of_one_is_the_test_itself():
    (found,) = judge([pair(-0.03, 0.01)])
    assert (found.low, found.high, found.p_holm) == pytest.approx(
        (found.pair.low, found.pair.high, found.pair.p)
    )
    assert found.verdict.word == "b"


def test_four_outcomes():
    found = judge([pair(0.05, 0.004), pair(0.0, 0.002), pair(0.0, 0.03), pair(0.006, 0.0005)], margin=0.01)
    assert [one.verdict.word for one in found] == ["a", "equivalent", "unknown", "a"]
    assert [one.verdict.better_within_margin for one in found] == [False, False, False, True]


def test_equivalence_by_hand_and_adjusted_for_the_family():
    found = judge([pair(0.004, 0.003, 12), pair(0.0, 0.05)], margin=0.01)
    p = stats.t.sf((0.01 - 0.004) / 0.003, 12)  # .034: enough alone, not for one of two
    assert found[0].p_equivalence == pytest.approx(2 * p)
    assert found[0].verdict.word == "unknown"
    assert judge([pair(0.004, 0.003, 12)], margin=0.01)[0].verdict.word == "equivalent"


def test_identical_heads_are_equivalent_and_constant_ones_certain():
    same, apart = paired(np.zeros((5, 40)), range(40)), paired(np.ones((5, 40)), range(40))
    found = judge([same, apart])
    assert [one.verdict.word for one in found] == ["equivalent", "a"]
    assert (found[0].low, found[0].high, found[0].p_holm) == (0, 0, 1)
    assert (found[1].low, found[1].high, found[1].p_holm) == (1, 1, 0)


def test_no_pairs_no_verdicts():
    assert judge([]) == []


@pytest.mark.parametrize("margin", [0, -0.01, float("nan")])
def test_equivalence_needs_a_margin(margin):
    with pytest.raises(ValueError, match="above 0"):
        judge([pair(0, 1)], margin=margin)


def test_alpha_is_a_share():
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge([pair(0, 1)], alpha=5)


def test_ranks_are_as_wide_as_the_pairs_leave_them():
    # 0 beats 2 and 3, 1 beats 3; nothing else can be told
    verdicts = [
        (0, 1, UNKNOWN),
        (0, 2, BETTER_A),
        (3, 0, BETTER_B),
        (1, 2, UNKNOWN),
        (1, 3, BETTER_A),
        (2, 3, UNKNOWN),
    ]
    assert rank_intervals(4, verdicts) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_ranks_where_all_are_told_apart_and_where_none_is():
    order = [(a, b, BETTER_A) for a in range(5) for b in range(a + 1, 5)]
    assert rank_intervals(5, order) == [(k, k) for k in range(1, 6)]
    assert rank_intervals(5, []) == [(1, 5)] * 5


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 4), (-1, 2)])
def test_a_rank_of_no_head_is_refused(a, b):
    with pytest.raises(ValueError, match="there are 4"):
        rank_intervals(4, [(a, b, UNKNOWN)])
