"""Person by person and fold by fold: does a head suit everyone, or some?"""

from __future__ import annotations

import statistics

import numpy as np

from fusionbench.figures.strips import strips
from fusionbench.report.decimals import count, points, share
from fusionbench.report.document import Block, Cell, Column, Picture, Section, Table, Words
from fusionbench.report.evidence import Evidence, accuracy_by


def subjects(evidence: Evidence) -> Section:
    """Accuracy on each person's clips."""
    groups = evidence.subjects() if evidence.same_clips else {}
    if len(groups) < 2:
        why = (
            "All clips show one person."
            if groups
            else "The data name no persons; each clip stands for itself."
        )
        return Section("subjects", "By person", (Words(why),))
    scores = np.array([accuracy_by(list(groups.values()), head) for head in evidence.heads])
    sizes = [len(clips) for clips in groups.values()]
    picture = _picture(evidence, "subjects", "person", list(groups), scores, sizes)
    return Section("subjects", "By person", (picture,))


def folds(evidence: Evidence) -> Section | None:
    """The ranking score of each fold; None where there is one fold."""
    names = [fold.fold for fold in next(iter(evidence.best.runs.values())).folds]
    if len(names) < 2:
        return None
    key = f"report/{evidence.metric}"
    scores = np.array(
        [
            [
                statistics.mean(run.folds[k].metrics[key] for run in head.runs.values())
                for k in range(len(names))
            ]
            for head in evidence.heads
        ]
    )
    sizes = [len(fold.report.ids) for fold in next(iter(evidence.best.runs.values())).folds]
    blocks: list[Block] = [
        _picture(evidence, "folds", "fold", names, scores, sizes),
        Words("Folds share training clips, so they are no independent repetitions.", "aside"),
    ]
    return Section("folds", "By fold", tuple(blocks))


def _picture(
    evidence: Evidence, name: str, what: str, groups: list[str], scores: np.ndarray, sizes: list[int]
) -> Picture:
    metric = evidence.metric_name if name == "folds" else "accuracy"
    means = scores.mean(axis=0)
    easy, hard = int(means.argmax()), int(means.argmin())
    best = evidence.best.label
    columns = (
        Column(what, heads=True),
        Column("clips", number=True),
        *(Column(head.label, number=True) for head in evidence.heads),
    )
    rows = tuple(
        (Cell(group), count(size), *(share(float(value), 0) for value in scores[:, k]))
        for k, (group, size) in enumerate(zip(groups, sizes, strict=True))
    )
    return Picture(
        name,
        f"{metric[0].upper()}{metric[1:]} by {what}, mean over seeds.",
        f"Strips of {len(groups)} {what}s: from {groups[hard]} ({points(float(means[hard]))} % on average) "
        f"to {groups[easy]} ({points(float(means[easy]))} %).",
        lambda: strips(scores, groups, best, what=f"{what}s", metric=metric, stand_in=evidence.made.stand_in),
        Table(name, f"{metric} by {what}, %, mean over seeds.", columns, rows),
    )
