"""Two fixed checkpoints on the same clips: McNemar's exact test.

It knows the chance in the clips alone. Of two *methods*, which other seeds would train to other weights,
it says nothing; it finds a difference between equal heads in 10 to 70 % of cases (``docs/statistics.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr


@dataclass(frozen=True)
class Checkpoints:
    """What two checkpoints disagree on."""

    only_a: int
    """clips that A alone had right"""
    only_b: int
    p: float
    """two-sided, of no difference between these two checkpoints"""

    holds_for = "these two checkpoints on independent clips, not the methods"


def checkpoints(right_a: ArrayLike, right_b: ArrayLike) -> Checkpoints:
    """Whether one of two checkpoints is right more often: a coin's tosses are the clips they disagree on.

    Args:
        right_a: ``(clips,)`` whether A is right.
        right_b: ``(clips,)`` the same of B.

    Raises:
        ValueError: two shapes, or values other than true and false.
    """
    a, b = np.asarray(right_a), np.asarray(right_b)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape}; both must be (clips,), of the same clips")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError("right_a and right_b must say of each clip whether it is right: true or false")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    return Checkpoints(only_a, only_b, exact_p(only_a, only_b))


def exact_p(only_a: int, only_b: int) -> float:
    """Two-sided p of so uneven a split under a fair coin; 1 without any disagreement."""
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))
