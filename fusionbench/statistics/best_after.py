"""The best score to expect after k trials of a random search, from one search of n >= k trials.

Unbiased (Tang et al. 2020, "Showing your work doesn't always work"), where the plug-in estimate of Dodge
et al. 2019 is too low. Valid for independent random trials only: a sampler that learns from its trials
(TPE) draws later ones from a better place, and for it this curve means nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def best_after(scores: ArrayLike, higher_is_better: bool = True) -> np.ndarray:
    """``(n,)`` expected best score after 1 to n trials: the mean over all subsets of k of the n trials.

    With scores sorted, v_(1) the worst: sum_j v_(j) C(j-1, k-1) / C(n, k).

    Args:
        scores: ``(n,)`` selection score of each trial, independent draws of one random search.
        higher_is_better: False for errors and losses.

    Raises:
        ValueError: no trials, or a score that is not finite.
    """
    values = np.sort(np.asarray(scores, dtype=float))
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"scores have shape {values.shape}; they must be finite, (trials,), at least one")
    if not higher_is_better:
        values = values[::-1]
    n = len(values)
    falling = np.arange(n - 1, 0, -1)
    curve = np.empty(n)
    for k in range(1, n + 1):
        # the weight of v_(n) is k/n; each one below follows from the one above, without large binomials
        steps = np.clip(falling + 1 - k, 0, None) / falling
        weights = k / n * np.concatenate([[1.0], np.cumprod(steps)])
        curve[k - 1] = weights @ values[::-1]
    return curve
