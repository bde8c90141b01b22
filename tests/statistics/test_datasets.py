"""Heads over data sets against scipy and scikit-posthocs."""

from __future__ import annotations

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from fusionbench.statistics.datasets import over_datasets


def table(datasets=12, gains=(0.0, 0.001, 0.05, 0.3), seed=0) -> np.ndarray:
    """``(data sets, heads)``: hard and easy data sets, heads with a gain each."""
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(0.3, 0.6, (datasets, 1)) + np.array(gains) + rng.normal(0, 0.02, (datasets, len(gains)))
    )


def test_friedman_as_scipy_and_pairs_as_scikit_posthocs():
    scores = table()
    found = over_datasets(scores)
    reference = stats.friedmanchisquare(*scores.T)
    assert (found.friedman, found.p) == pytest.approx((reference.statistic, reference.pvalue))
    np.testing.assert_allclose(found.p_pairs, scikit_posthocs.posthoc_wilcoxon(scores.T.tolist()), rtol=1e-12)
    adjusted = scikit_posthocs.posthoc_wilcoxon(scores.T.tolist(), p_adjust="holm")
    np.testing.assert_allclose(found.p_holm, adjusted, rtol=1e-12)


def test_ranks_and_cliques():
    found = over_datasets(table())
    assert found.ranks.sum() == 1 + 2 + 3 + 4
    assert found.ranks.argmin() == 3, "the largest gain"
    assert [sorted(clique) for clique in found.cliques] == [[0, 1]]


def test_ties_share_ranks():
    scores = np.tile([[0.5, 0.5, 0.4]], (7, 1))
    assert over_datasets(scores).ranks.tolist() == [1.5, 1.5, 3]


def test_overlapping_cliques_are_the_longest_runs_of_heads_that_no_pair_tells_apart():
    found = over_datasets(table(10, gains=(0.036, 0.018, 0.0), seed=4))
    assert found.p < 0.05
    alike = found.p_holm >= 0.05
    assert [alike[0, 1], alike[1, 2], alike[0, 2]] == [True, True, False]
    assert found.cliques == ((0, 1), (1, 2))


def test_where_friedman_finds_nothing_pairs_are_not_read():
    found = over_datasets(table(gains=(0.0, 0.0, 0.0)))
    assert found.p > 0.05
    assert [sorted(clique) for clique in found.cliques] == [[0, 1, 2]]


def test_heads_that_score_alike_everywhere():
    found = over_datasets(np.tile([[0.5], [0.6], [0.7]], (2, 3)))
    assert (found.friedman, found.p) == (0, 1)
    assert (found.p_holm == 1).all()


def test_few_data_sets_cannot_tell_many_heads_apart():
    # six data sets: every signed rank on one side has p = 2 / 2^6; three pairs
    found = over_datasets(
        np.arange(6)[:, None] * 0.01 + np.array([[0.1, 0.2, 0.3]]) * np.arange(1, 7)[:, None]
    )
    assert found.smallest_p == pytest.approx(3 * 2 / 2**6)
    assert found.p_holm.min() == pytest.approx(found.smallest_p)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((5, 3)), "5 data sets; ranks over data sets need at least 6"),
        (np.zeros((6, 2)), "2 heads"),
        (np.full((6, 3), np.nan), "finite"),
        (np.zeros(6), r"shape \(6,\)"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        over_datasets(scores)
