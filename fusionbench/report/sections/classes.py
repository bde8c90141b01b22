"""Class by class: recall of every head, and what was taken for what."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np

from fusionbench.figures.confusion import confusion_matrix
from fusionbench.figures.recall import class_recall
from fusionbench.report.decimals import NOTHING, count, points, spread
from fusionbench.report.document import Block, Cell, Column, Folded, Picture, Section, Table, Words
from fusionbench.report.evidence import Evidence, Head
from fusionbench.report.file_names import distinct_names

MOST_CLASSES = 60
"""confusion matrices of more classes would be larger than the page"""


def classes(evidence: Evidence) -> Section | None:
    """Recall and confusion; None where rows are of other classes."""
    if len({head.counts.shape for head in evidence.heads}) > 1:
        return None
    names = evidence.classes
    means = np.array([_mean(head.recalls) for head in evidence.heads])
    hardest = int(np.nanargmin(_mean(means)))
    picture = Picture(
        "recall",
        "Share of each class's clips that was recognised, mean over seeds, %.",
        f"Map of recall by {len(evidence.heads)} rows and {len(names)} classes; the hardest class is "
        f"{names[hardest]} with {points(float(_mean(means)[hardest]))} % on average.",
        lambda: class_recall(
            means, [head.label for head in evidence.heads], names, stand_in=evidence.made.stand_in
        ),
        _recall_table(evidence, means),
    )
    blocks: list[Block] = [picture]
    if len(names) <= MOST_CLASSES:
        blocks += _matrices(evidence)
    else:
        blocks.append(Words(f"{len(names)} classes are too many for confusion matrices on a page.", "aside"))
    return Section("classes", "Classes", tuple(blocks))


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the first axis; NaN only where nothing is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values, axis=0)


def _recall_table(evidence: Evidence, means: np.ndarray) -> Table:
    columns = [
        Column(evidence.compared, heads=True),
        *(Column(name, number=True) for name in evidence.classes),
    ]
    rows = []
    for head, mean in zip(evidence.heads, means, strict=True):
        several = len(head.recalls) > 1
        cells = [
            Cell(NOTHING, "")
            if np.isnan(value)
            else spread(float(value), float(head.recalls[:, k].std(ddof=1)) if several else None, 0)
            for k, value in enumerate(mean)
        ]
        rows.append((Cell(head.label), *cells))
    told = "mean ± standard deviation over seeds" if len(evidence.seeds) > 1 else "one seed"
    return Table("recall", f"Recall of each class, %, {told}.", tuple(columns), tuple(rows))


def _matrices(evidence: Evidence) -> list[Block]:
    """The best row's matrix open, the others folded."""
    files = distinct_names([head.label for head in evidence.heads])
    first, *others = (_matrix(evidence, head, name) for head, name in zip(evidence.heads, files, strict=True))
    folded = [
        Folded(f"Confusion matrix of {head.label}", (picture,))
        for head, picture in zip(evidence.heads[1:], others, strict=True)
    ]
    return [first, *folded]


def _matrix(evidence: Evidence, head: Head, name: str) -> Picture:
    counts, names = head.counts, evidence.classes
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    true, said = np.unravel_index(int(wrong.argmax()), wrong.shape)
    worst = (
        f"most often {names[true]} was taken for {names[said]} ({wrong[true, said]} of {counts[true].sum()})"
        if wrong.any()
        else "nothing was confused"
    )
    seeds = len(head.runs)
    columns = (Column("true", heads=True), *(Column(name, number=True) for name in names))
    rows = tuple((Cell(names[k]), *(count(int(number)) for number in line)) for k, line in enumerate(counts))
    clips = f"clips of {seeds} seeds together" if seeds > 1 else "clips"
    return Picture(
        f"confusion-{name}",
        f"{head.label}: what each class was taken for, {clips}.",
        f"Confusion matrix of {head.label}; {worst}.",
        partial(confusion_matrix, counts, names, stand_in=evidence.made.stand_in),
        Table(f"confusion-{name}", f"{head.label}: {clips}, by true and predicted class.", columns, rows),
    )
