"""Before the hours are spent: what a comparison of this size could show, as a range.

The variance of a mean difference is modelled as ``seeds / S + groups / G + cells / (S G)``. The three
components are assumed, or taken from comparisons that are finished.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from fusionbench.statistics import student
from fusionbench.statistics.families import ALPHA, MARGIN
from fusionbench.statistics.paired import Paired, combine

MOST_SEEDS = 1000
"""further seeds are not looked for"""
MOST_TIMES = 1000
"""more times as many groups are not looked for"""

Range = tuple[float, float]


@dataclass(frozen=True)
class Design:
    """Size of a comparison."""

    seeds: int
    clips: int
    groups: int
    """people, where known, else clips"""
    pairs: int = 1
    """in the family"""

    def __post_init__(self) -> None:
        if not (self.seeds >= 1 and self.clips >= self.groups >= 1 and self.pairs >= 1):
            raise ValueError(
                f"{self}: seeds, groups and pairs must be at least 1, and no group without a clip"
            )
        if self.seeds == self.groups == 1:
            raise ValueError("one seed of one group has no spread to judge by")


@dataclass(frozen=True)
class Components:
    """Where the differences of one pair of heads come from: variances, in squared units of the score."""

    seeds: float
    """between seeds, over all clips there could be"""
    groups: float
    """between groups, the same with every seed"""
    cells: float
    """what is left: another in every group with every seed"""

    @classmethod
    def of(cls, pair: Paired) -> Components:
        """Those that a finished comparison showed; a negative one is 0.

        One seed cannot tell its own spread: what it shows counts as the groups'. The same holds of one
        group.
        """
        if pair.seeds == 1 or pair.groups == 1:
            return cls(pair.by_seed * pair.seeds, pair.by_group * pair.groups, 0.0)
        return cls(
            seeds=max(0.0, pair.by_seed - pair.by_cell) * pair.seeds,
            groups=max(0.0, pair.by_group - pair.by_cell) * pair.groups,
            cells=pair.by_cell * pair.seeds * pair.groups,
        )


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of two heads' accuracy where no finished run says it: ranges, low and high."""

    differ: Range = (0.15, 0.35)
    """share of clips on which one seed of each head differ: one right, the other wrong"""
    lasting: Range = (0.0, 0.3)
    """share of that disagreement which is the same clips with every seed"""
    seed_sd: Range = (0.01, 0.03)
    """standard deviation of one head's accuracy over seeds, beyond what the finite clips add"""
    group_sd: Range = (0.02, 0.05)
    """standard deviation of the difference over people, beyond the same; only where people are known"""

    def components(self, design: Design) -> list[Components]:
        """Every corner of the ranges."""
        in_group = design.clips / design.groups
        people = self.group_sd if design.groups < design.clips else (0.0,)
        return [
            Components(
                2 * seed**2, person**2 + lasting * differ / in_group, (1 - lasting) * differ / in_group
            )
            for differ, lasting, seed, person in product(self.differ, self.lasting, self.seed_sd, people)
        ]


@dataclass(frozen=True)
class Forecast:
    """What a comparison could show; ranges over what is assumed."""

    mdd: Range
    """smallest difference that 80 % of comparisons of one pair would find"""
    mdd_holm: Range
    """the same of the first pair of the family, under Holm"""
    passes_holm: Range
    """smallest difference, as measured, with which a pair could be the first to pass Holm"""
    provable_margin: Range
    """smallest margin within which 80 % of comparisons of two equal heads, under Holm, show equivalence"""
    margin_attainable: bool
    """whether some assumption lets 80 % of them show it within the margin asked for"""
    holm_attainable: bool
    """whether, under some assumption, the largest difference there could be passes Holm"""


def forecast(
    design: Design,
    components: Sequence[Components],
    margin: float = MARGIN,
    largest: float = 1.0,
    alpha: float = ALPHA,
) -> Forecast:
    """What a comparison of this size could show.

    Args:
        design: seeds, clips, groups, pairs.
        components: what may hold: ``Assumptions().components(design)``, or those of finished pairs.
        margin: of equivalence, in the unit of the scores.
        largest: a difference that no pair will exceed.
        alpha: of the family.

    Raises:
        ValueError: no components.
    """
    if not components:
        raise ValueError("a forecast needs at least one assumption")
    level, first = 1 - alpha, alpha / design.pairs
    single, holm, passes, margins = [], [], [], []
    for assumed in components:
        variance, df = expected(assumed, design.seeds, design.groups)
        error = math.sqrt(variance)
        single.append(student.detectable(variance, df, level))
        holm.append(student.detectable(variance, df, 1 - first))
        passes.append(student.quantile(df, 1 - first / 2) * error)
        # both one-sided tests must pass, so each may fail in half of the 20 %
        half = (1 + student.POWER) / 2
        margins.append((student.quantile(df, 1 - first) + student.quantile(df, half)) * error)
    return Forecast(
        mdd=_range(single),
        mdd_holm=_range(holm),
        passes_holm=_range(passes),
        provable_margin=_range(margins),
        margin_attainable=min(margins) <= margin,
        holm_attainable=min(passes) <= largest,
    )


def expected(components: Components, seeds: int, groups: int) -> tuple[float, float]:
    """Variance of the mean difference and degrees of freedom that the paired test would have on average."""
    by_cell = components.cells / (seeds * groups)
    by_seed = components.seeds / seeds + by_cell if seeds > 1 else 0.0
    by_group = components.groups / groups + by_cell if groups > 1 else 0.0
    return combine(by_seed, by_group, by_cell if seeds > 1 and groups > 1 else 0.0, seeds, groups)


def seeds_needed(
    components: Components, design: Design, difference: float, alpha: float = ALPHA
) -> int | None:
    """Seeds with which 80 % of such comparisons find the difference under Holm, on the same clips.

    None where no number of seeds does: the clips set a floor.
    """
    for seeds in range(2, MOST_SEEDS + 1):
        if _found(components, seeds, design.groups, design.pairs, difference, alpha):
            return seeds
    return None


def groups_needed(
    components: Components, design: Design, difference: float, alpha: float = ALPHA
) -> int | None:
    """Groups of as many clips each with which 80 % find the difference under Holm, with the same seeds.

    None where no number of groups does: the seeds set a floor.
    """
    low, high = 1, 2
    # upwards, not by bisection alone: with more groups the few seeds come to dominate, and t grows
    while not _found(components, design.seeds, high, design.pairs, difference, alpha):
        if high > MOST_TIMES * design.groups:
            return None
        low, high = high, high + max(1, high // 8)
    while high - low > 1:
        middle = (low + high) // 2
        if _found(components, design.seeds, middle, design.pairs, difference, alpha):
            high = middle
        else:
            low = middle
    return high


def seeds_for_rank_tests(pairs: int, alpha: float = ALPHA) -> int:
    """Fewest seeds with which a sign-flip or Wilcoxon test over seeds could pass Holm: p >= 2 / 2^S."""
    return math.floor(1 + math.log2(pairs / alpha)) + 1


def _found(
    components: Components, seeds: int, groups: int, pairs: int, difference: float, alpha: float
) -> bool:
    variance, df = expected(components, seeds, groups)
    return student.detectable(variance, df, 1 - alpha / pairs) <= difference


def _range(values: Sequence[float]) -> Range:
    return float(np.min(values)), float(np.max(values))
