"""The primary test against statsmodels, by hand, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from fusionbench.statistics.paired import Paired, paired


def scores(seeds=4, clips=60, groups=7, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Differences with an effect of seeds and of uneven groups, and the groups."""
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.choice(groups, clips, p=np.arange(1, groups + 1) / sum(range(groups + 1))))
    d = rng.normal(0, 1, (seeds, clips)) + rng.normal(0, 0.5, (seeds, 1)) + rng.normal(0, 0.8, groups)[codes]
    return d, codes


def without_factors(pair: Paired) -> float:
    """V_S + V_G - V_SG before each axis' small-sample factor."""
    s, g = 1 - 1 / pair.seeds, 1 - 1 / pair.groups
    return pair.by_seed * s + pair.by_group * g - pair.by_cell * s * g


@pytest.mark.parametrize("seed", range(3))
def test_the_variance_is_that_of_two_way_cluster_robust_least_squares(seed):
    d, codes = scores(seed=seed)
    by = np.column_stack([np.repeat(np.arange(len(d)), d.shape[1]), np.tile(codes, len(d))])
    fit = sm.OLS(d.ravel(), np.ones(d.size)).fit(
        cov_type="cluster", cov_kwds={"groups": by, "use_correction": False}
    )
    pair = paired(d, codes)
    assert pair.mean == pytest.approx(fit.params[0])
    assert without_factors(pair) == pytest.approx(fit.cov_params()[0, 0], rel=1e-12)


def test_by_hand():
    # mean 1/4; e = [[.75, -.25], [.75, -1.25]], n = 4
    pair = paired([[1, 0], [1, -1]], ["anna", "bert"])
    assert pair.by_seed == pytest.approx(2 * (0.5**2 + 0.5**2) / 16)
    assert pair.by_group == pytest.approx(2 * (1.5**2 + 1.5**2) / 16)
    assert pair.by_cell == pytest.approx(4 * (0.75**2 + 0.25**2 + 0.75**2 + 1.25**2) / 16)
    assert pair.variance == pair.by_group  # larger than the sum less the cells, 1/16 + 9/16 - 11/16
    df = 0.5625**2 / (0.0625**2 + 0.5625**2)
    assert pair.df == pytest.approx(df)
    assert pair.high - pair.mean == pytest.approx(stats.t.ppf(0.975, df) * 0.75)
    assert pair.p == pytest.approx(2 * stats.t.sf(0.25 / 0.75, df))
    assert pair.mdd == pytest.approx((stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * 0.75)


def test_both_axes_count():
    d, codes = scores()
    pair = paired(d, codes)
    assert pair.variance == pytest.approx(
        max(pair.by_seed + pair.by_group - pair.by_cell, pair.by_seed, pair.by_group)
    )
    assert pair.df == pytest.approx(pair.variance**2 / (pair.by_seed**2 / 3 + pair.by_group**2 / 6))
    assert (pair.seeds, pair.clips, pair.groups) == (4, 60, 7)
    assert pair.holds_for == "the methods"


def test_the_interval_leaves_out_0_exactly_where_p_is_below_5_percent():
    found = [paired(*scores(seed=seed)) for seed in range(40)]
    assert [q.low > 0 or q.high < 0 for q in found] == [q.p < 0.05 for q in found]


def test_exchanging_the_heads_turns_the_sign():
    d, codes = scores()
    one, other = paired(d, codes), paired(-d, codes)
    assert (other.mean, other.low, other.high) == (-one.mean, -one.high, -one.low)
    assert (other.p, other.mdd) == (one.p, one.mdd)


def test_names_of_groups_and_order_of_clips_do_not_matter():
    d, codes = scores()
    order = np.random.default_rng(1).permutation(len(codes))
    renamed = [("person", int(k)) if k % 2 else f"p{k}" for k in codes[order]]
    assert paired(d[:, order], renamed).variance == pytest.approx(paired(d, codes).variance, rel=1e-12)


def test_one_seed_speaks_of_its_weights_with_the_clips_own_degrees_of_freedom():
    d, _ = scores(seeds=1)
    pair = paired(d, range(60))
    reference = stats.ttest_1samp(d[0], 0)
    assert (pair.p, pair.df, pair.by_seed) == (pytest.approx(reference.pvalue), pytest.approx(59), 0)
    assert (pair.low, pair.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert pair.holds_for == "these weights, not the methods"


def test_one_group_leaves_the_seeds():
    d, _ = scores()
    pair = paired(d, ["anna"] * 60)
    reference = stats.ttest_1samp(d.mean(axis=1), 0)
    assert (pair.p, pair.df, pair.by_group) == (pytest.approx(reference.pvalue), pytest.approx(3), 0)
    assert pair.holds_for == "this one group of clips, not others"


def test_two_seeds_are_few_and_say_so_by_their_width():
    d, codes = scores(seeds=2)
    pair = paired(d, codes)
    assert np.isfinite([pair.low, pair.high, pair.df, pair.p, pair.mdd]).all()


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_identical_heads(seeds):
    pair = paired(np.zeros((seeds, 10)), range(10))
    assert (pair.mean, pair.low, pair.high, pair.p, pair.mdd) == (0, 0, 0, 1, 0)
    assert not pair.varies


@pytest.mark.parametrize("value", [1.0, 0.1, -1 / 3])
def test_a_difference_that_is_the_same_everywhere_is_certain_in_spite_of_rounding(value):
    pair = paired(np.full((3, 1000), value), np.arange(1000) % 7)
    assert (pair.variance, pair.p) == (0, 0)
    assert pair.low == pair.mean == pair.high == pytest.approx(value)


def test_a_head_that_is_always_right():
    other = np.random.default_rng(0).random((5, 40)) < 0.9
    pair = paired(1.0 - other, range(40))
    assert pair.mean == pytest.approx(1 - other.mean())
    assert 0 < pair.p < 0.05


def test_sums_that_cancel_on_both_axes_are_no_certainty():
    pair = paired([[1, -1], [-1, 1]], range(2))
    assert (pair.by_seed, pair.by_group, pair.by_cell, pair.variance, pair.df) == (0, 0, 1, 1, 1)
    assert pair.high == pytest.approx(stats.t.ppf(0.975, 1))


def test_many_frames_of_few_videos_need_no_table_of_frames_by_videos():
    rng = np.random.default_rng(0)
    videos = np.repeat(np.arange(70), 4000)
    d = rng.normal(0.2, 1, (5, 280_000)) + rng.normal(0, 1, 70)[videos]
    by_video = d.reshape(5, 70, 4000).mean(axis=2)
    assert paired(d, videos).variance == pytest.approx(paired(by_video, range(70)).variance, rel=1e-9)


@pytest.mark.parametrize("level", [0.8, 0.99])
def test_another_level(level):
    d, codes = scores()
    pair = paired(d, codes, level)
    half = stats.t.ppf((1 + level) / 2, pair.df) * np.sqrt(pair.variance)
    assert (pair.low, pair.high) == pytest.approx((pair.mean - half, pair.mean + half))
    assert pair.level == level


@pytest.mark.parametrize(
    ("difference", "groups", "message"),
    [
        ([0, 1, 1], [0, 1, 2], r"shape \(3,\); it must be \(seeds, clips\)"),
        (np.zeros((2, 0)), [], r"both at least 1"),
        ([[0, 1], [np.nan, 1]], [0, 1], r"nan at seed 1, clip 0, and not finite in 1 place"),
        ([[0, np.inf]], [0, 1], r"inf at seed 0, clip 1"),
        ([[0, 1]], [0], "1 groups for 2 clips"),
        ([[0, 1]], ["anna", None], "None or NaN"),
        ([[0, 1]], [float("nan"), 1.0], "None or NaN"),
        ([[0, 1]], ["anna", "anna"], "one seed of one group"),
    ],
)
def test_what_cannot_be_judged_is_refused(difference, groups, message):
    with pytest.raises(ValueError, match=message):
        paired(difference, groups)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_a_share(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired([[0, 1]], [0, 1], level)
