"""What the rows of a comparison said of each clip, and which clips stand or fall together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fusionbench.bench.outcome import Outcome
from fusionbench.learn.metrics import Predictions, pool
from fusionbench.study.experiment import Slot


@dataclass(frozen=True)
class Scored:
    """One row: what it said of the report split, once a seed, all folds together."""

    label: str
    predictions: Mapping[int, Predictions]
    """seed -> predictions"""


def scored(labels: Sequence[str], runs: Iterable[tuple[Slot, Outcome]]) -> list[Scored]:
    """The rows of these labels, in their order, from finished runs; folds are pooled."""
    by_label: dict[str, dict[int, Predictions]] = {label: {} for label in labels}
    for slot, outcome in runs:
        by_label[slot.label][slot.seed] = pool([fold.report for fold in outcome.folds])
    return [Scored(label, by_seed) for label, by_seed in by_label.items()]


class Video(str):
    """Stands for the person where nobody knows who is seen in the labelled frames of a video."""


def framed(outcome: Outcome) -> bool:
    """Whether frames were judged, not clips."""
    return any("frames" in fold.parts.get("report", {}) for fold in outcome.folds)


def persons(rows: Iterable[Scored], frames: bool) -> dict[str, str | None]:
    """What was judged -> who is seen; a frame's video where nobody knows, as its frames are much alike."""
    known: dict[str, str | None] = {}
    for row in rows:
        for said in row.predictions.values():
            for one, who in zip(said.ids, said.subjects or (None,) * len(said.ids), strict=True):
                known[one] = who or (Video(one.rpartition("/")[0]) if frames else None)
    return known


def grouped(
    ids: Sequence[str], subjects: Mapping[str, str | None]
) -> tuple[list[tuple[str, str]], str, list[str]]:
    """A group a subject; a clip whose subject is not known is a group of its own."""
    groups: list[tuple[str, str]] = []
    for clip in ids:
        who = subjects.get(clip)
        kind = "video" if isinstance(who, Video) else "subject"
        groups.append((kind, who) if who else ("clip", clip))
    counts = Counter(kind for kind, _ in set(groups))
    people = counts["subject"] or counts["video"]
    if not people:
        return groups, f"{len(ids)} clips", []
    kind, other = (
        ("subject", "clip" if counts["clip"] else "video") if counts["subject"] else ("video", "clip")
    )
    alone = counts[other] if kind != other else 0
    notes = [f"{alone} {other}s have no subject; each counts as a person of its own"] if alone else []
    return groups, f"{people} {kind}{'s' * (people > 1)}", notes
