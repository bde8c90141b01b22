"""What a comparison could show: known designs, the test's own variance, and how much to add."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fusionbench.statistics.paired import paired
from fusionbench.statistics.planning import (
    Assumptions,
    Components,
    Design,
    expected,
    forecast,
    groups_needed,
    seeds_for_rank_tests,
    seeds_needed,
)
from tests.statistics.simulation import DESIGNS, repetitions, two_way

EXAMPLE = Assumptions(differ=(0.25, 0.25), lasting=(0, 0), seed_sd=(0.015, 0.015), group_sd=(0.04, 0.04))
"""two heads differ on a quarter of the clips, none of it lasting; 1.5 points a seed, 4 points a person"""


def mdd(design: Design, assumed: Assumptions = EXAMPLE) -> float:
    (low, high) = forecast(design, assumed.components(design)).mdd
    assert low == high, "one point, no range"
    return low


@pytest.mark.parametrize(
    ("design", "points"),
    [
        (Design(5, 383, 383), 5.3),
        (Design(10, 383, 383), 3.3),
        (Design(5, 720, 8), 6.3),
        (Design(10, 720, 8), 5.2),
    ],
)
def test_the_mdd_of_known_designs(design, points):
    assert 100 * mdd(design) == pytest.approx(points, abs=0.3)


def test_by_hand_where_seeds_are_all():
    # variance 2 * .02^2 / 5, 4 degrees of freedom
    found = forecast(Design(5, 100, 100, pairs=21), [Components(2 * 0.02**2, 0, 0)])
    error = 0.02 * (2 / 5) ** 0.5
    t = stats.t(4)
    assert found.mdd == pytest.approx((error * (t.ppf(0.975) + t.ppf(0.8)),) * 2)
    assert found.mdd_holm == pytest.approx((error * (t.ppf(1 - 0.025 / 21) + t.ppf(0.8)),) * 2)
    assert found.passes_holm == pytest.approx((error * t.ppf(1 - 0.025 / 21),) * 2)
    assert found.provable_margin == pytest.approx((error * (t.ppf(1 - 0.05 / 21) + t.ppf(0.9)),) * 2)


@pytest.mark.slow
@pytest.mark.parametrize("k", range(len(DESIGNS)))
def test_the_forecast_is_what_the_test_finds_on_simulated_heads(k):
    """On average; the test's own estimate of its variance scatters."""
    simulated = DESIGNS[k]
    pairs = [two_way(right, simulated.groups) for right in repetitions(simulated, 300)]
    size = Design(simulated.seeds, simulated.clips, simulated.people or simulated.clips)
    # of two normal numbers of correlation r, the signs differ in a share acos(r) / pi
    shared, own = simulated.shared, simulated.shared + (1 - simulated.shared) * simulated.lasting
    differ, lasting = math.acos(shared) / math.pi, 1 - math.acos(own) / math.acos(shared)
    point = Assumptions(
        (differ,) * 2, (lasting,) * 2, (simulated.seed_sd,) * 2, (simulated.person_sd * 2**0.5,) * 2
    )
    assert mdd(size, point) == pytest.approx(np.mean([q.mdd for q in pairs]), rel=0.1)


def test_components_of_a_finished_comparison_give_its_own_variance_back():
    rng = np.random.default_rng(0)
    d = rng.normal(0, 1, (6, 200)) + rng.normal(0, 0.5, (6, 1)) + rng.normal(0, 0.6, 20)[np.arange(200) % 20]
    pair = paired(d, np.arange(200) % 20)
    assert expected(Components.of(pair), 6, 20) == pytest.approx((pair.variance, pair.df))


@pytest.mark.parametrize(("seeds", "groups"), [(1, 40), (4, 1)])
def test_components_of_one_axis(seeds, groups):
    d = np.random.default_rng(0).normal(0, 1, (seeds, 40))
    pair = paired(d, np.arange(40) % groups)
    assert expected(Components.of(pair), seeds, groups) == pytest.approx((pair.variance, pair.df))


def test_a_range_covers_every_corner_of_what_is_assumed():
    design = Design(5, 720, 8)
    assumed = Assumptions()
    found = forecast(design, assumed.components(design))
    lows = Assumptions(*((low, low) for low, _ in vars(assumed).values()))
    highs = Assumptions(*((high, high) for _, high in vars(assumed).values()))
    assert found.mdd[0] <= mdd(design, lows) < mdd(design, highs) <= found.mdd[1]


def test_people_are_assumed_only_where_they_are_known():
    clips = Design(5, 383, 383)
    assert mdd(clips) == mdd(clips, replace(EXAMPLE, group_sd=(0.5, 0.5)))


def test_a_margin_of_one_point_is_out_of_reach_for_383_clips_and_within_it_for_many():
    small, large = Design(10, 383, 383), Design(30, 280_000, 2000)
    assert not forecast(small, Assumptions().components(small)).margin_attainable
    assert forecast(large, Assumptions().components(large)).margin_attainable
    assert not forecast(large, Assumptions().components(large), margin=0.001).margin_attainable


def test_two_seeds_and_21_pairs_cannot_pass_holm():
    # t with about one degree of freedom at 5 % / 42: 267 standard errors
    few = Design(2, 383, 383, pairs=21)
    spread_of_seeds = [Components(2 * 0.015**2, 0, 0)]
    assert not forecast(few, spread_of_seeds).holm_attainable
    assert forecast(replace(few, seeds=10), spread_of_seeds).holm_attainable
    assert not forecast(replace(few, seeds=10), spread_of_seeds, largest=0.02).holm_attainable


def test_rank_tests_over_seeds_need_seeds_before_anything_can_be_found():
    assert [seeds_for_rank_tests(pairs) for pairs in (1, 6, 21)] == [6, 8, 10]
    for pairs in range(1, 60):
        seeds = seeds_for_rank_tests(pairs)
        assert pairs * 2 / 2**seeds < 0.05 <= pairs * 2 / 2 ** (seeds - 1)


def test_seeds_that_are_needed_are_the_fewest():
    design = Design(5, 383, 383, pairs=3)
    (assumed,) = set(EXAMPLE.components(design))
    seeds = seeds_needed(assumed, design, 0.03)
    assert forecast(replace(design, seeds=seeds), [assumed]).mdd_holm[0] <= 0.03
    assert forecast(replace(design, seeds=seeds - 1), [assumed]).mdd_holm[0] > 0.03


def test_clips_that_are_needed_are_the_fewest():
    design = Design(10, 383, 383)
    assumed = Components(0.0, 0.2, 0.1)
    groups = groups_needed(assumed, design, 0.02)
    assert forecast(Design(10, groups, groups), [assumed]).mdd[0] <= 0.02
    assert forecast(Design(10, groups - 1, groups - 1), [assumed]).mdd[0] > 0.02


def test_what_no_seeds_or_no_clips_can_show_is_said():
    assert seeds_needed(Components(0.001, 0.05**2, 0), Design(5, 720, 8), 0.03) is None, (
        "8 people set a floor"
    )
    assert groups_needed(Components(0.001, 0.1, 0), Design(5, 383, 383), 0.03) is None, "5 seeds set one"


def test_nothing_to_assume_is_refused():
    with pytest.raises(ValueError, match="at least one assumption"):
        forecast(Design(5, 10, 10), [])


@pytest.mark.parametrize("size", [(0, 10, 10), (5, 10, 11), (5, 10, 0), (1, 10, 1), (5, 10, 10, 0)])
def test_a_design_without_seeds_clips_groups_or_pairs_is_refused(size):
    with pytest.raises(ValueError, match=r"at least 1|no spread"):
        Design(*size)
