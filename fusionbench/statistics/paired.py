"""The primary test: two heads on the same clips and seeds, with chance in both.

Two-way cluster-robust variance (Cameron, Gelbach and Miller 2011, "Robust inference with multiway
clustering", eq. 2.11, with the small-sample factor of each axis) and Satterthwaite's degrees of freedom.
``docs/statistics.md`` says what goes wrong where one of the two is left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fusionbench.statistics import student

_ROUNDING = 16 * np.finfo(float).eps
"""standard errors below this share of the largest difference are what floating point left of 0"""


@dataclass(frozen=True)
class Paired:
    """Mean difference of two heads and how sure it is; all in the unit of the scores."""

    mean: float
    low: float
    """low end of the interval of the mean difference"""
    high: float
    df: float
    """degrees of freedom; between those of the seeds and of both axes together"""
    p: float
    """two-sided, of no difference"""
    mdd: float
    """smallest true difference that 80 % of such comparisons would find"""
    variance: float
    """squared standard error of the mean difference"""
    by_seed: float
    """the part of the variance that shows between seeds; 0 with one seed"""
    by_group: float
    """the part that shows between groups; 0 with one group"""
    by_cell: float
    """the part that shows between groups within seeds, contained in both others"""
    seeds: int
    clips: int
    groups: int
    level: float = student.LEVEL
    """of the interval"""

    @property
    def holds_for(self) -> str:
        """What the figures speak of: an axis with one value tells nothing beyond it."""
        if self.seeds == 1:
            return "these weights, not the methods"
        if self.groups == 1:
            return "this one group of clips, not others"
        return "the methods"

    @property
    def varies(self) -> bool:
        """Whether clips or seeds disagree at all.

        Where they do not, an interval without width says only that none of these clips told more: with
        few clips that is little.
        """
        return self.variance > 0


def paired(difference: ArrayLike, groups: Iterable[Hashable], level: float = student.LEVEL) -> Paired:
    """Whether head A scores differently from head B, over other seeds and other clips or people.

    With e = D - mean(D), n = S N, and sums over all clips of a seed, of a group, of a group within a seed:

    * V_S = S/(S-1) sum_s (sum e)^2 / n^2
    * V_G = G/(G-1) sum_g (sum e)^2 / n^2
    * V_SG = SG/((S-1)(G-1)) sum_sg (sum e)^2 / n^2
    * V = max(V_S + V_G - V_SG, V_S, V_G), and df = V^2 / (V_S^2/(S-1) + V_G^2/(G-1))

    One seed leaves V_G with G-1, one group V_S with S-1 degrees of freedom. Where the sums of both axes
    cancel although the cells differ, V is V_SG with (S-1)(G-1). Where nothing differs V is 0, the
    interval is the mean itself, and df, which nothing depends on, the smaller of the two axes'.

    Args:
        difference: ``(seeds, clips)`` per-clip score of A minus that of B. For functions of the confusion
            matrix the differences of ``influence.per_clip``. A pair's seeds are those both finished.
        groups: ``(clips,)`` the person each clip is of, where known; else something unique a clip.
        level: of the interval.

    Raises:
        ValueError: another shape, a difference that is not finite, a group that is None or NaN, a single
            seed of a single group, or a level outside 0 to 1.
    """
    d = _checked(difference)
    seeds, clips = d.shape
    codes, count = _numbered(groups, clips)
    if seeds == 1 and count == 1:
        raise ValueError("one seed of one group has no spread to judge by: add seeds, or group by clip")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must lie between 0 and 1")

    mean = float(d.mean())
    cells = np.stack([np.bincount(codes, weights=row - mean, minlength=count) for row in d]) / d.size
    seed_factor = seeds / (seeds - 1) if seeds > 1 else 0.0
    group_factor = count / (count - 1) if count > 1 else 0.0
    nothing = (_ROUNDING * float(np.abs(d).max())) ** 2

    def spread(sums: np.ndarray, factor: float) -> float:
        found = factor * float((sums**2).sum())
        return found if found > nothing else 0.0

    by_seed = spread(cells.sum(axis=1), seed_factor)
    by_group = spread(cells.sum(axis=0), group_factor)
    by_cell = spread(cells, seed_factor * group_factor)
    variance, df = combine(by_seed, by_group, by_cell, seeds, count)
    low, high = student.interval(mean, variance, df, level)
    return Paired(
        mean=mean,
        low=low,
        high=high,
        df=df,
        p=student.p_two_sided(mean, variance, df),
        mdd=student.detectable(variance, df, level),
        variance=variance,
        by_seed=by_seed,
        by_group=by_group,
        by_cell=by_cell,
        seeds=seeds,
        clips=clips,
        groups=count,
        level=level,
    )


def combine(by_seed: float, by_group: float, by_cell: float, seeds: int, groups: int) -> tuple[float, float]:
    """Variance of the mean difference and its degrees of freedom, from the parts of both axes."""
    variance = max(by_seed + by_group - by_cell, by_seed, by_group)
    if variance > 0:
        # an axis with a single value has no part, and its term is 0 whatever it is divided by
        terms = (by_seed / variance) ** 2 / max(seeds - 1, 1) + (by_group / variance) ** 2 / max(
            groups - 1, 1
        )
        return variance, 1 / terms
    if by_cell > 0:
        return by_cell, float((seeds - 1) * (groups - 1))
    return 0.0, float(min(n - 1 for n in (seeds, groups) if n > 1))


def _checked(difference: ArrayLike) -> np.ndarray:
    d = np.asarray(difference, dtype=float)
    if d.ndim != 2 or 0 in d.shape:
        raise ValueError(f"difference has shape {d.shape}; it must be (seeds, clips), both at least 1")
    wrong = np.argwhere(~np.isfinite(d))
    if len(wrong):
        seed, clip = wrong[0]
        raise ValueError(
            f"difference is {d[seed, clip]} at seed {seed}, clip {clip}, and not finite in {len(wrong)} "
            "place(s). Leave out the clips that a head did not judge, for both heads."
        )
    return d


def _numbered(groups: Iterable[Hashable], clips: int) -> tuple[np.ndarray, int]:
    """``(clips,)`` the number of each clip's group, and how many groups there are."""
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.intp)
    if len(codes) != clips:
        raise ValueError(f"{len(codes)} groups for {clips} clips; each clip needs one")
    if any(group is None or group != group for group in numbers):
        raise ValueError("a group is None or NaN. Give clips of unknown people a group of their own each.")
    return codes, len(numbers)
