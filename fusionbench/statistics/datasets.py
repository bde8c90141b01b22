"""Heads over six data sets or more: Friedman, then Wilcoxon for every pair with Holm (Demsar 2006).

One score a head and data set; what varies is the data set. Fewer than six say nothing here: with five,
Wilcoxon's p of a single pair cannot go below .0625.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from fusionbench.statistics.families import ALPHA, holm

FEWEST = 6
"""data sets; 2 / 2^5 = .0625 is the smallest p of five"""


@dataclass(frozen=True)
class OverDatasets:
    """Ranks of heads over data sets, and which of them can be told apart."""

    friedman: float
    """chi-square of equal ranks"""
    p: float
    """of Friedman's test"""
    ranks: np.ndarray
    """``(heads,)`` mean rank, 1 is best"""
    p_pairs: np.ndarray
    """``(heads, heads)`` Wilcoxon's two-sided p, 1 on the diagonal"""
    p_holm: np.ndarray
    """the same, adjusted for all pairs"""
    cliques: tuple[tuple[int, ...], ...]
    """largest groups of neighbours in rank that cannot be told apart, best first; each at least two heads"""
    smallest_p: float
    """smallest adjusted p that so many data sets can give for the first of these pairs"""


def over_datasets(scores: ArrayLike, alpha: float = ALPHA) -> OverDatasets:
    """Compare heads over data sets.

    Where Friedman's test finds nothing, pairs are not to be read, and all heads are one clique.

    Args:
        scores: ``(data sets, heads)``, higher is better: each a mean over the same seeds.
        alpha: of Friedman's test and of the pairs together.

    Raises:
        ValueError: fewer than six data sets or three heads, or a score that is not finite.
    """
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(f"scores have shape {table.shape}; they must be finite, (data sets, heads)")
    datasets, heads = table.shape
    if datasets < FEWEST:
        raise ValueError(
            f"{datasets} data sets; ranks over data sets need at least {FEWEST}. Judge each data set by "
            "itself, with the paired test over clips and seeds."
        )
    if heads < 3:
        raise ValueError(
            f"{heads} heads; Friedman's test needs three. For two, scipy.stats.wilcoxon is enough."
        )

    ranks = rankdata(-table, axis=1)
    friedman, p = (0.0, 1.0) if not np.ptp(ranks) else friedmanchisquare(*table.T)
    pairs = list(combinations(range(heads), 2))
    raw = [_wilcoxon(table[:, a], table[:, b]) for a, b in pairs]
    p_holm = _symmetric(heads, pairs, holm(raw))
    return OverDatasets(
        friedman=float(friedman),
        p=float(p),
        ranks=ranks.mean(axis=0),
        p_pairs=_symmetric(heads, pairs, raw),
        p_holm=p_holm,
        cliques=_cliques(ranks.mean(axis=0), p_holm >= alpha if p < alpha else np.ones_like(p_holm, bool)),
        smallest_p=min(1.0, len(pairs) * 2.0 ** (1 - datasets)),
    )


def _wilcoxon(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p of the signed ranks; equal scores on every data set give 1."""
    return float(wilcoxon(a, b).pvalue) if (a != b).any() else 1.0


def _symmetric(heads: int, pairs: list[tuple[int, int]], values: ArrayLike) -> np.ndarray:
    square = np.ones((heads, heads))
    for (a, b), value in zip(pairs, np.asarray(values), strict=True):
        square[a, b] = square[b, a] = value
    return square


def _cliques(ranks: np.ndarray, alike: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Longest runs in the order of ranks within which every pair is alike."""
    order = np.argsort(ranks, kind="stable").tolist()
    found: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and alike[np.ix_(order[start:end], [order[end]])].all():
            end += 1
        if end - start > 1 and end > reached:
            found.append(tuple(order[start:end]))
        reached = max(reached, end)
    return tuple(found)
