"""Several pairs at once: Holm's p, intervals that agree with it, equivalence, verdicts, and ranks.

Which pairs form the family (all of them, or all against one head) is said before the scores are seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fusionbench.statistics import student
from fusionbench.statistics.paired import Paired

ALPHA = 1 - student.LEVEL
MARGIN = 0.01
"""a difference below this is none that matters, unless an experiment declares another: one point"""

Word = Literal["a", "b", "equivalent", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """What can be said of a pair: better and equivalent are two questions, so both may hold."""

    better: Literal["a", "b"] | None
    """the head that is better, where that can be told"""
    equivalent: bool
    """whether the difference is smaller than the margin"""

    @property
    def word(self) -> Word:
        """One of four words; a head that is better by less than the margin is better."""
        return self.better or ("equivalent" if self.equivalent else "unknown")

    @property
    def better_within_margin(self) -> bool:
        """Better, by less than the margin."""
        return self.better is not None and self.equivalent


@dataclass(frozen=True)
class Judged:
    """One pair of a family."""

    pair: Paired
    low: float
    """low end of the interval that holds together with those of the whole family"""
    high: float
    mdd: float
    """smallest difference that 80 % of such comparisons would find, at that interval's level"""
    p_holm: float
    """of no difference, adjusted for the family"""
    p_equivalence: float
    """of a difference as large as the margin or larger, adjusted for the family"""
    verdict: Verdict


def judge(pairs: Sequence[Paired], margin: float = MARGIN, alpha: float = ALPHA) -> list[Judged]:
    """The verdict on every pair of one family, in their order.

    Better: Holm-adjusted p of no difference below ``alpha``. Equivalent: two one-sided tests within the
    margin, Holm-adjusted over the family too.

    The intervals are Bonferroni's, which hold together. Where Holm tells a pair apart and Bonferroni does
    not, the end nearer to 0 is that of the interval at the level of Holm's own step. So an interval
    excludes 0 exactly where the adjusted p is below ``alpha``.

    Args:
        pairs: what ``paired`` gave.
        margin: in the unit of the scores.
        alpha: share of families with a false verdict of either kind.

    Raises:
        ValueError: the margin is not above 0, or alpha not between 0 and 1.
    """
    if not margin > 0:
        raise ValueError(f"margin is {margin}; equivalence needs one above 0")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must lie between 0 and 1")
    p = [pair.p for pair in pairs]
    p_holm = holm(p)
    p_equivalence = holm([student.p_equivalence(q.mean, q.variance, q.df, margin) for q in pairs])
    judged = []
    for pair, adjusted, equivalence in zip(pairs, p_holm.tolist(), p_equivalence.tolist(), strict=True):
        level = 1 - alpha / len(pairs)
        low, high = student.interval(pair.mean, pair.variance, pair.df, level)
        mdd = student.detectable(pair.variance, pair.df, level)
        if adjusted < alpha and low <= 0 <= high:
            near = student.interval(pair.mean, pair.variance, pair.df, 1 - alpha * pair.p / adjusted)
            low, high = (near[0], high) if pair.mean > 0 else (low, near[1])
        better: Literal["a", "b"] | None = None
        if adjusted < alpha:
            better = "a" if pair.mean > 0 else "b"
        verdict = Verdict(better, equivalence < alpha)
        judged.append(Judged(pair, low, high, mdd, adjusted, equivalence, verdict))
    return judged


def holm(p: ArrayLike) -> np.ndarray:
    """``(tests,)`` p adjusted so that all of them together raise a false alarm in a share alpha of families.

    Holm (1979): the smallest is multiplied by the number of tests, the next by one less, and so on; none
    falls below a smaller one's.

    Raises:
        ValueError: a value that is not between 0 and 1.
    """
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p values must be one row of numbers between 0 and 1")
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted


def rank_intervals(heads: int, verdicts: Iterable[tuple[int, int, Verdict]]) -> list[tuple[int, int]]:
    """``(first, last)`` rank that each head may have.

    A head stands behind all that are better than it and before all that it is better than; pairs that
    cannot be told apart, or were not asked about, leave its rank open.

    Args:
        heads: how many there are.
        verdicts: number of head A, number of head B, and the verdict on the pair.

    Raises:
        ValueError: a number that is no head's, or a head beside itself.
    """
    above, below = [0] * heads, [0] * heads
    for a, b, verdict in verdicts:
        if a == b or not {a, b} <= set(range(heads)):
            raise ValueError(f"a verdict on heads {a} and {b}; there are {heads}, numbered from 0")
        if verdict.better is not None:
            winner, loser = (a, b) if verdict.better == "a" else (b, a)
            above[loser] += 1
            below[winner] += 1
    return [(1 + better, heads - worse) for better, worse in zip(above, below, strict=True)]
