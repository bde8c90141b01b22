"""Carves the selection split out of a fold's training clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError


def carve_selection(clips: Sequence[Clip], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Part the training clips of a fold into what is trained on and the selection split.

    Stratified by label; clips of one subject stay together where every clip's
    subject is known and there are at least two. Of a single subject, clips are
    parted. The seed is the protocol's: every run of a fold gets the same parts.

    Args:
        clips: the fold's training clips, any order.
        fraction: share that becomes the selection split, rounded to 1/k.
        seed: fixed protocol seed.

    Returns:
        ids to train on, ids to select on; both sorted.

    Raises:
        UserError: there are too few clips or subjects to part.
    """
    ordered = sorted(clips, key=lambda clip: clip.id)
    labels = np.array([clip.label for clip in ordered])
    groups = np.array([clip.subject or "" for clip in ordered])
    parts = max(2, round(1 / fraction))
    subjects = len(set(groups)) if (groups != "").all() else 0
    grouped = subjects >= 2
    members = subjects if grouped else min(Counter(labels).values(), default=0)
    parts = min(parts, members)
    if parts < 2:
        raise UserError(
            f"no selection split can be carved out of {len(ordered)} training clips: {members} clips in the "
            "smallest class; at least 2 are needed. Add clips to the training split."
        )
    selected = _grouped(labels, groups, parts, seed) if grouped else _plain(labels, parts, seed)
    train = sorted(clip.id for clip, chosen in zip(ordered, selected, strict=True) if not chosen)
    selection = sorted(clip.id for clip, chosen in zip(ordered, selected, strict=True) if chosen)
    return train, selection


def _plain(labels: np.ndarray, parts: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(parts, shuffle=True, random_state=seed)
    return _flags(len(labels), next(splitter.split(labels, labels))[1])


def _grouped(labels: np.ndarray, groups: np.ndarray, parts: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    return _flags(len(labels), next(splitter.split(labels, labels, groups))[1])


def _flags(count: int, places: np.ndarray) -> np.ndarray:
    flags = np.zeros(count, dtype=bool)
    flags[places] = True
    return flags
