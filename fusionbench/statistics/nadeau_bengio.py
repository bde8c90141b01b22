"""A second opinion over folds: the corrected resampled t-test of Nadeau and Bengio (2003).

Folds share most of their training clips, so their scores are not independent and the plain t-test over
folds finds too much. The correction widens the variance by n_test / n_train.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fusionbench.statistics import student


@dataclass(frozen=True)
class OverFolds:
    """Mean difference over folds and how sure it is."""

    mean: float
    low: float
    high: float
    df: float
    p: float
    """two-sided, of no difference"""
    level: float


def over_folds(
    difference: ArrayLike, n_train: float, n_test: float, level: float = student.LEVEL
) -> OverFolds:
    """Variance over folds times (1/k + n_test/n_train), with k - 1 degrees of freedom.

    Args:
        difference: ``(folds,)`` score of A minus that of B, each fold's mean over seeds; of repeated
            cross-validation, the folds of all repetitions.
        n_train: clips a fold was trained on, on average.
        n_test: clips a fold was judged on, on average.
        level: of the interval.

    Raises:
        ValueError: fewer than two folds, a value that is not finite, or no clips.
    """
    d = np.asarray(difference, dtype=float)
    if d.ndim != 1 or len(d) < 2 or not np.isfinite(d).all():
        raise ValueError(f"difference has shape {d.shape}; it must be finite, (folds,), at least two")
    if n_train <= 0 or n_test <= 0:
        raise ValueError(f"{n_train} training and {n_test} test clips a fold; both must be above 0")
    mean, df = float(d.mean()), len(d) - 1.0
    alike = np.ptp(d) == 0
    variance = 0.0 if alike else float(d.var(ddof=1)) * (1 / len(d) + n_test / n_train)
    low, high = student.interval(mean, variance, df, level)
    return OverFolds(mean, low, high, df, student.p_two_sided(mean, variance, df), level)
