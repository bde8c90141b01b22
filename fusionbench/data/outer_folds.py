"""Makes folds of clips that nobody parted: one subject left out at a time, or k parts of subjects."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from fusionbench.contract.dataset import Clip, Fold
from fusionbench.contract.errors import UserError
from fusionbench.contract.fold_options import LOSO
from fusionbench.data.folds import groups_of
from fusionbench.data.labels import in_order

NOBODY = "no subject"
"""name of the fold of clips whose subject is not known, where one subject is left out at a time"""
_MOVES = 1000
"""groups that are moved at most until every class is shown in two parts"""


def make_folds(clips: Sequence[Clip], folds: int | str, *, seed: int, repeat: int = 1) -> list[Fold]:
    """Folds in which each clip is reported on once, or ``repeat`` times.

    Clips of one subject stay together; a clip without one is a group of its own in ``k`` parts,
    and all such clips are one fold where subjects are left out. Where no subject is known, clips
    are parted. Parts are stratified by label, and a class that two groups show is shown in two
    parts, so that every training part has it, wherever that can be had.

    Args:
        clips: all that are parted, in any order.
        folds: number of parts, at least 2; or ``loso``: each subject is a part.
        seed: the protocol's, so that all runs share their folds; repetitions count up from it.
        repeat: how often clips are parted anew.

    Returns:
        folds named ``f1``, ``f2``, ...; ``r1-f1``, ... where they are repeated; of ``loso`` by subject.

    Raises:
        UserError: there are too few subjects or clips, or nothing to repeat.
    """
    ordered = sorted(clips, key=lambda clip: clip.id)
    if isinstance(folds, str):
        if folds != LOSO:
            raise UserError(f"folds is {folds!r}; give {LOSO}, or a number of folds, at least 2.")
        if repeat > 1:
            raise UserError(
                "loso leaves out each subject once; there is nothing to repeat. Leave repeat at 1."
            )
        return _loso(ordered)
    _refuse_too_many(ordered, folds)
    made = []
    for number in range(repeat):
        part = _parts(ordered, folds, seed + number)
        start = f"r{number + 1}-f" if repeat > 1 else "f"
        made += [_fold(f"{start}{k + 1}", ordered, part == k) for k in range(folds)]
    return made


def subjects_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """The subjects that are known, in order (2 before 10)."""
    return in_order(clip.subject for clip in clips if clip.subject)


def _loso(clips: Sequence[Clip]) -> list[Fold]:
    people = subjects_of(clips)
    if len(people) < 2:
        raise UserError(
            f"loso leaves out one subject at a time; of {len(clips)} clips {len(people) or 'none'} is known. "
            "Name the subject of each clip, or choose a number of folds, such as 5."
        )
    who = np.array([clip.subject or "" for clip in clips])
    left_out = [(name, who == name) for name in people]
    if not all(clip.subject for clip in clips):
        left_out.append((NOBODY, who == ""))
    return [_fold(name, clips, flags) for name, flags in left_out]


def _refuse_too_many(clips: Sequence[Clip], folds: int) -> None:
    known = bool(subjects_of(clips))
    groups = len(set(groups_of(clips))) if known else len(clips)
    if folds > groups:
        what = "subjects" if known else "clips"
        raise UserError(
            f"{folds} folds need at least {folds} {what}; there are {groups}. Choose fewer folds"
            f"{f', or {LOSO}' if known and groups > 1 else ''}."
        )


def _fold(name: str, clips: Sequence[Clip], reported: np.ndarray) -> Fold:
    train = tuple(clip.id for clip, out in zip(clips, reported, strict=True) if not out)
    return Fold(name, train, tuple(clip.id for clip, out in zip(clips, reported, strict=True) if out))


def _parts(clips: Sequence[Clip], folds: int, seed: int) -> np.ndarray:
    """``(clips,)`` number of each clip's part; where frames are labelled, they are what is stratified."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    judged = [clip.judged for clip in clips]
    _, labels = np.unique([label for of_clip in judged for label in of_clip], return_inverse=True)
    _, group_of = np.unique(groups_of(clips), return_inverse=True)
    groups = np.repeat(group_of, [len(of_clip) for of_clip in judged])
    common = np.bincount(labels).max() >= folds  # else no class could be in every part
    by_clip = common and not subjects_of(clips) and len(labels) == len(clips)
    splitter = (StratifiedKFold if by_clip else StratifiedGroupKFold)(folds, shuffle=True, random_state=seed)
    strata = labels if common else np.zeros_like(labels)
    part = np.arange(group_of.max() + 1) % folds
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for k, (_, places) in enumerate(splitter.split(strata, strata, None if by_clip else groups)):
            part[groups[places]] = k
    shows = np.zeros((len(part), labels.max() + 1), dtype=bool)
    shows[groups, labels] = True
    sizes = np.bincount(groups, minlength=len(part))
    return _spread(part, shows, sizes, folds, np.random.default_rng(seed))[group_of]


def _spread(
    part: np.ndarray, shows: np.ndarray, sizes: np.ndarray, folds: int, rng: np.random.Generator
) -> np.ndarray:
    """The parts of the groups, some moved, so that every class of two groups is shown in two parts.

    As in WalkSAT: a class at fault is drawn, and one of its groups is moved to where the fewest
    classes are at fault after it; what was best on the way is kept.

    Args:
        part: ``(groups,)`` number of each one's part.
        shows: ``(groups, classes)`` whether a group shows a class.
        sizes: ``(groups,)`` samples.
        folds: how many parts there are.
        rng: draws.
    """
    may = shows.sum(axis=0) > 1

    def confined(part: np.ndarray) -> np.ndarray:
        """Classes that a single part shows, though two could."""
        shown = np.stack([shows[part == k].any(axis=0) for k in range(folds)])
        return np.flatnonzero(may & (shown.sum(axis=0) == 1))

    best, at_fault = part, confined(part)
    fewest = len(at_fault)
    for _ in range(_MOVES):
        if not fewest:
            break
        movable = np.flatnonzero(shows[:, rng.choice(at_fault)])
        home = part[movable[0]]
        tried = []
        for group in movable:
            for k in range(folds):
                if k != home:
                    moved = part.copy()
                    moved[group] = k
                    held = np.bincount(moved, sizes, folds)
                    tried.append((len(confined(moved)), held.max() - held.min(), rng.random(), moved))
        part = min(tried, key=lambda one: one[:3])[3]
        at_fault = confined(part)
        if len(at_fault) < fewest:
            best, fewest = part, len(at_fault)
        if not len(at_fault):
            break
    return best
