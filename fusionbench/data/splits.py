"""The names of splits: as users give them, as they are stored, and what each is for."""

from __future__ import annotations

import re

TRAIN, SELECTION = "train", "selection"
SELECTION_NAMES = (SELECTION, "val", "valid", "validation", "dev", "devel")
"""what people call the part on which the epoch is chosen; stored under the first of these"""
_REPORTED = re.compile(r"report|test[\w.-]*")

SPLIT_NAMES = (TRAIN, *SELECTION_NAMES, "report", "test")
MEANINGS = (
    f"train (trained on); {SELECTION}, or {', '.join(SELECTION_NAMES[1:])} (the epoch is chosen on it); "
    "report, test, or another name that begins with test (reported on)"
)
NO_SPLIT = "Leave split out of every clip where folds decide (--set dataset.folds=loso, or 5, or 10)"


def stored_split(name: str) -> str | None:
    """The name under which a split is stored, or None where no split is called so.

    ``train`` is trained on. ``selection`` (also ``val``, ``valid``, ``validation``, ``dev``,
    ``devel``) chooses the epoch. ``report``, ``test`` and names that begin with ``test`` are
    reported on, each for itself.
    """
    if name in SELECTION_NAMES:
        return SELECTION
    return name if name == TRAIN or _REPORTED.fullmatch(name) else None


def is_trained(split: str) -> bool:
    """Whether a stored split is trained on; where folds decide there is none, and each clip is at times."""
    return split in ("", TRAIN)


def is_reported(split: str) -> bool:
    """Whether a stored split is one of those that are reported on."""
    return split not in ("", TRAIN, SELECTION)
