"""Finds clips of two parts that are copies of one another: what is trained on would be reported on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from fusionbench.contract.dataset import Clip
from fusionbench.data.findings import Finding, listed


def equal_files(root: Path, clips: Iterable[Clip]) -> list[Finding]:
    """Clips of different splits, or of different subjects where folds decide, whose files hold the same.

    Sizes are compared first, so that only suspects are read.

    Args:
        root: what the clips' files are relative to.
        clips: any.
    """
    suspects: dict[tuple[int, ...], list[Clip]] = defaultdict(list)
    for clip in clips:
        sizes = _sizes(root, clip)
        if sizes:
            suspects[sizes].append(clip)
    pairs = []
    for alike in suspects.values():
        if len({_part(clip) for clip in alike}) < 2:
            continue
        first: dict[str, Clip] = {}
        for clip in alike:
            other = first.setdefault(_content(root, clip), clip)
            if _part(other) != _part(clip):
                pairs.append(f"{other.id!r} ({_part(other)}) and {clip.id!r} ({_part(clip)})")
    if not pairs:
        return []
    what = f"{len(pairs)} clip(s) hold the same files as a clip of another part: {listed(pairs, 3)}."
    return [Finding("equal contents", f"{what} Leave out one of them.", wrong=True)]


def _part(clip: Clip) -> str:
    """What may end up on another side of a fold: a split, or a person where there is none."""
    return clip.split or clip.subject or ""


def _sizes(root: Path, clip: Clip) -> tuple[int, ...]:
    """Of the clip's files in bytes; empty where one is missing, which reading it tells."""
    try:
        return tuple((root / name).stat().st_size for name in clip.files)
    except OSError:
        return ()


def _content(root: Path, clip: Clip) -> str:
    total = hashlib.sha256()
    for name in clip.files:
        try:
            total.update((root / name).read_bytes())
        except OSError:
            return clip.id  # equal to none
    return total.hexdigest()
