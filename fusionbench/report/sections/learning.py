"""How the heads learned, and how far the score that chose the epoch flatters."""

from __future__ import annotations

import statistics

from fusionbench.figures.seed_curves import Learned, seed_curves
from fusionbench.figures.selection import Chosen, selection_against_report
from fusionbench.report.decimals import measured, points, spread
from fusionbench.report.document import Cell, Column, Picture, Section, Table, Words
from fusionbench.report.evidence import Evidence, Head
from fusionbench.report.sections.ranked import chosen_by, decimals_of


def learning(evidence: Evidence) -> Section:
    """A curve a seed; of several folds the first fold's."""
    several = any(len(run.folds) > 1 for head in evidence.heads for run in head.runs.values())
    first = evidence.best.folds[0].fold
    key = f"selection/{evidence.metric}"
    learned = []
    for head in evidence.heads:
        histories = [run.folds[0] for run in head.runs.values()]
        scores = [[epoch.get(key, float("nan")) for epoch in fold.history] for fold in histories]
        if any(scores):
            learned.append(Learned(head.label, scores, [fold.selected_epoch for fold in histories]))
    if not learned:
        return Section(
            "learning",
            "Learning curves",
            (chosen_by(evidence), _epochs(evidence), Words("These runs kept no score by epoch.", "aside")),
        )
    of_fold = f" Fold {first}." if several else ""
    picture = Picture(
        "learning",
        f"{evidence.score} on the selection split by epoch.{of_fold}",
        f"Learning curves of {len(learned)} rows, one line a seed, with the chosen epochs marked.",
        lambda: seed_curves(learned, metric=evidence.metric_name, stand_in=evidence.made.stand_in),
        _epochs(evidence),
    )
    return Section("learning", "Learning curves", (chosen_by(evidence), picture))


def _epochs(evidence: Evidence) -> Table:
    columns = (
        Column(evidence.compared, heads=True),
        Column("epochs", number=True),
        Column("chosen, median", number=True),
        Column("earliest", number=True),
        Column("latest", number=True),
        Column("training loss there", number=True),
    )
    rows = []
    for head in evidence.heads:
        chosen = [fold.selected_epoch for fold in head.folds]
        trained = {fold.epochs or len(fold.history) for fold in head.folds}
        losses = [fold.metrics["train/loss"] for fold in head.folds if "train/loss" in fold.metrics]
        rows.append(
            (
                Cell(head.label),
                Cell(" or ".join(str(n) for n in sorted(trained) if n) or "–"),
                Cell(f"{statistics.median(chosen):g}", statistics.median(chosen)),
                Cell(str(min(chosen)), min(chosen)),
                Cell(str(max(chosen)), max(chosen)),
                measured(statistics.mean(losses)) if losses else Cell("–", ""),
            )
        )
    return Table("epochs", "The epochs that the selection split chose.", columns, tuple(rows))


def selection(evidence: Evidence) -> Section | None:
    """The selection score of every report score; None where runs do not hold it."""
    key = f"selection/{evidence.metric}"
    if not all(key in fold.metrics for head in evidence.heads for fold in head.folds):
        return None
    chosen = [
        Chosen(head.label, _of_selection(head, key), head.row.metrics[evidence.metric].values)
        for head in evidence.heads
    ]
    gaps = [statistics.mean(one.selection) - statistics.mean(one.report) for one in chosen]
    picture = Picture(
        "selection",
        "The score that chose the epoch beside the score that is reported.",
        f"Scatter of selection against report scores; on average the selection score is "
        f"{points(statistics.mean(gaps), sign=True)} points higher.",
        lambda: selection_against_report(
            chosen, metric=evidence.metric_name, stand_in=evidence.made.stand_in
        ),
        _selection_table(evidence, chosen),
    )
    words = Words(
        "An epoch was chosen because its selection score was high, so that score flatters. "
        "The two splits also hold other clips and people, so one may simply be harder."
    )
    return Section("selection", "Selection against report", (words, picture))


def _of_selection(head: Head, key: str) -> list[float]:
    """One a seed, mean over folds."""
    return [statistics.mean(fold.metrics[key] for fold in run.folds) for run in head.runs.values()]


def _selection_table(evidence: Evidence, chosen: list[Chosen]) -> Table:
    columns = (
        Column(evidence.compared, heads=True),
        Column("selection, %", number=True),
        Column("report, %", number=True),
        Column("selection less report, points", number=True),
    )
    digits = decimals_of(evidence)
    rows = []
    for one in chosen:
        means = [statistics.mean(values) for values in (one.selection, one.report)]
        spreads = [
            statistics.stdev(values) if len(values) > 1 else None for values in (one.selection, one.report)
        ]
        rows.append(
            (
                Cell(one.name),
                *(spread(mean, sd, digits) for mean, sd in zip(means, spreads, strict=True)),
                Cell(points(means[0] - means[1], digits, sign=True), means[0] - means[1]),
            )
        )
    return Table(
        "selection",
        f"{evidence.metric_name} of the chosen epochs on both splits.",
        columns,
        tuple(rows),
    )
