"""Student's t around one estimate: p, interval, and the smallest difference that would be found.

The estimate has a variance and degrees of freedom of its own. A variance of 0 is taken at its word:
the estimate is then certain, p is 1 for a difference of 0 and 0 for any other.
"""

from __future__ import annotations

import math

from scipy.special import stdtr, stdtrit

LEVEL = 0.95
"""of intervals, unless another is asked for; tests use 1 minus it"""
POWER = 0.80
"""share of comparisons that find a difference as large as the smallest detectable one"""


def p_two_sided(mean: float, variance: float, df: float) -> float:
    """Probability of a mean at least this far from 0, on either side, if the truth is 0."""
    return 2 * _upper_tail(abs(mean), variance, df)


def p_equivalence(mean: float, variance: float, df: float, margin: float) -> float:
    """Larger p of two one-sided tests (Schuirmann 1987), whose nulls are a truth beyond either margin.

    It is below .05 exactly where the 90 % interval lies within the margins.
    """
    return _upper_tail(margin - abs(mean), variance, df)


def interval(mean: float, variance: float, df: float, level: float = LEVEL) -> tuple[float, float]:
    """Low and high end of the two-sided interval."""
    half = quantile(df, (1 + level) / 2) * math.sqrt(variance)
    return mean - half, mean + half


def detectable(variance: float, df: float, level: float = LEVEL, power: float = POWER) -> float:
    """Smallest true difference that a share ``power`` of such comparisons would find."""
    return (quantile(df, (1 + level) / 2) + quantile(df, power)) * math.sqrt(variance)


def quantile(df: float, share: float) -> float:
    """The value that Student's t stays below with probability ``share``."""
    return float(stdtrit(df, share))


def _upper_tail(distance: float, variance: float, df: float) -> float:
    """Probability that an estimate exceeds its truth by more than ``distance``."""
    if variance == 0:
        return 0.5 if distance == 0 else float(distance < 0)
    return float(stdtr(df, -distance / math.sqrt(variance)))
