"""Classes that a run leaves out: its clips less what is of them, and what to tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fusionbench.contract.dataset import Clip


def of_classes(clips: Iterable[Clip], classes: Sequence[str]) -> tuple[Clip, ...]:
    """The clips of these classes; where frames are labelled, the others' frames are not judged."""
    kept, known = [], set(classes)
    for clip in clips:
        if known.issuperset(clip.judged):
            kept.append(clip)
        elif any(label in known for label in clip.labels):
            kept.append(replace(clip, labels=tuple(label if label in known else "" for label in clip.labels)))
    return tuple(kept)


def told_left_out(clips: Iterable[Clip], classes: Sequence[str]) -> list[str]:
    """One line for each class that is left out."""
    labels: Counter[str] = Counter()
    what = "clips"
    for clip in clips:
        labels.update(clip.judged)
        what = "frames" if clip.labels else what
    return [
        f"left out by dataset.classes: {labels[label]} {what} of {label}"
        for label in sorted(labels.keys() - set(classes))
    ]
