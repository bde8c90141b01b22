"""Carves the selection split out of a fold's training clips."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError


def carve_selection(clips: Sequence[Clip], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Part the training clips of a fold into what is trained on and the selection split.

    Stratified by label; clips of one subject stay together where at least two
    subjects are known, and a clip without one is then a group of its own. Every
    class keeps a clip to train on: a subject who alone shows a class is trained
    on. Where no subject can be held back (there is one, or each alone shows a
    class), clips are parted. The seed is the protocol's: every run of a fold gets
    the same parts.

    Where frames are labelled one by one they are what is stratified, and a clip is
    never parted: without subjects each is a group of its own.

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
    parts = max(2, round(1 / fraction))
    framed = any(clip.labels for clip in ordered)
    selected = (_by_frames if framed else _by_clips)(ordered, parts, seed)
    train = [clip.id for clip, chosen in zip(ordered, selected, strict=True) if not chosen]
    selection = [clip.id for clip, chosen in zip(ordered, selected, strict=True) if chosen]
    return train, selection


def _by_clips(clips: Sequence[Clip], parts: int, seed: int) -> np.ndarray:
    """Flags ``(clips,)`` of those to select on, by subject where that can be, else clip by clip."""
    labels = np.array([clip.label for clip in clips])
    selected = None
    if _subjects(clips) >= 2:
        selected = _by_subject(labels, groups_of(clips), parts, seed)
    return _by_clip(labels, parts, seed) if selected is None else selected


def _by_frames(clips: Sequence[Clip], parts: int, seed: int) -> np.ndarray:
    """Flags ``(clips,)`` of those to select on: every judged frame counts, and goes where its clip goes."""
    judged = [clip.judged for clip in clips]
    labels = np.array([label for of_clip in judged for label in of_clip])
    of_frame = np.repeat(np.arange(len(clips)), [len(of_clip) for of_clip in judged])
    kinds = [groups_of(clips)] if _subjects(clips) >= 2 else []
    for groups in (*kinds, np.arange(len(clips))):
        selected = _by_subject(labels, groups[of_frame], parts, seed) if len(labels) else None
        if selected is not None:
            return _flags(len(clips), of_frame[selected])
    raise UserError(
        f"no selection split can be carved out of {len(clips)} training clips with {len(labels)} judged "
        "frames: whole clips are held back, and each class needs two that show it. "
        "Add clips to the training split."
    )


def _subjects(clips: Sequence[Clip]) -> int:
    return len({clip.subject for clip in clips if clip.subject})


def groups_of(clips: Sequence[Clip]) -> np.ndarray:
    """``(clips,)`` a name for the subject of each clip; who is not known is nobody else."""
    if all(clip.subject for clip in clips):
        return np.array([clip.subject for clip in clips])
    return np.array([f"subject {clip.subject}" if clip.subject else f"clip {clip.id}" for clip in clips])


def _by_clip(labels: np.ndarray, parts: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    counts = Counter(labels.tolist())
    rarest = min(counts, key=lambda label: counts[label], default=None)
    parts = min(parts, counts[rarest])
    if parts < 2:
        raise UserError(
            f"no selection split can be carved out of {len(labels)} training clips: "
            f"{counts[rarest]} clips in the smallest class"
            f"{'' if rarest is None else f', {rarest!r}'}; at least 2 are needed. "
            "Add clips to the training split."
        )
    splitter = StratifiedKFold(parts, shuffle=True, random_state=seed)
    return _flags(len(labels), next(splitter.split(labels, labels))[1])


def _by_subject(labels: np.ndarray, groups: np.ndarray, parts: int, seed: int) -> np.ndarray | None:
    """Flags of the clips to select on, whole groups; None where each group alone shows some class.

    The first part that leaves every class something to train on is taken. If none does, each
    gives back the groups that training cannot do without, and the one nearest to its size is taken.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _, labels = np.unique(labels, return_inverse=True)
    _, groups = np.unique(groups, return_inverse=True)
    parts = min(parts, groups.max() + 1, np.bincount(labels).max())
    if parts < 2:
        return None
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        candidates = [_flags(len(labels), places) for _, places in splitter.split(labels, labels, groups)]
    for selected in candidates:
        if not _lost(labels, selected).any():
            return selected
    mended = [_given_back(labels, groups, selected) for selected in candidates]
    mended = [selected for selected in mended if selected.any()]
    return min(mended, key=lambda selected: abs(selected.sum() - len(labels) / parts), default=None)


def _lost(labels: np.ndarray, selected: np.ndarray) -> np.ndarray:
    """Which classes ``(classes,)`` have every clip selected."""
    return np.bincount(labels[np.logical_not(selected)], minlength=labels.max() + 1) == 0


def _given_back(labels: np.ndarray, groups: np.ndarray, selected: np.ndarray) -> np.ndarray:
    """The selection less the groups it takes to leave no class without a clip to train on."""
    shows = np.zeros((groups.max() + 1, labels.max() + 1), dtype=bool)
    shows[groups, labels] = True
    alone = np.asarray(shows[:, shows.sum(axis=0) == 1].any(axis=1))
    kept = selected & np.logical_not(alone[groups])
    while (lost := _lost(labels, kept)).any():
        held = np.unique(groups[kept])
        kept = kept & (groups != held[shows[held][:, lost].sum(axis=1).argmax()])
    return kept


def _flags(count: int, places: np.ndarray) -> np.ndarray:
    flags = np.zeros(count, dtype=bool)
    flags[places] = True
    return flags
