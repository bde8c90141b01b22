"""The trials of a study: their table, their course, what each option matters, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from fusionbench.contract.judging import SPOKEN
from fusionbench.figures.option_importance import option_importance
from fusionbench.report.decimals import NOTHING, measured, points, share
from fusionbench.report.document import Block, Cell, Column, Picture, Points, Section, Table, Words
from fusionbench.report.file_names import distinct_names
from fusionbench.report.sections.chosen import over_seeds
from fusionbench.report.study_words import counted, option_text, passed_over
from fusionbench.study.ledger import Trial
from fusionbench.study.tuned import FoldSearch, Tuned, best_first
from fusionbench.study.tuned_figures import Grid, grid_of, history_figure, map_figure


def trials(made: Tuned) -> Section:
    """Every trial, the best first."""
    words = f"Scores are {SPOKEN[made.metric]} on the selection split. Bold: chosen."
    tables = [_table(made, fold, end) for fold, end in _folds(made)]
    return Section("trials", "Trials", (Words(words), *tables))


def maps(made: Tuned) -> Section | None:
    """Scores over the two options with most values; None where there are no two of a few values."""
    grids = [(fold, end, grid) for fold, end in _folds(made) if (grid := grid_of(made, fold))]
    if not grids:
        return None
    pictures = tuple(_map(made, fold, end, grid) for fold, end, grid in grids)
    return Section("map", f"{grids[0][2].columns} and {grids[0][2].rows}", pictures)


def course(made: Tuned) -> Section:
    """The trials in their order."""
    return Section("history", "History", tuple(_history(made, fold, end) for fold, end in _folds(made)))


def importance(made: Tuned) -> Section:
    """Which options made the scores differ; said too where nobody can say."""
    blocks: list[Block] = [
        Words(
            "The share of the scores' variation over trials that each option accounts for (PED-ANOVA). "
            "It speaks of the values that were tried, and of the selection split."
        )
    ]
    blocks += [_importance(made, fold, end) for fold, end in _folds(made) if fold.importance]
    if len(blocks) == 1:
        blocks = [Words("Too few trials, or none that differ, to say.")]
    return Section("importance", "What each option matters", tuple(blocks))


def missing(made: Tuned) -> Section:
    """Trials without a score, points that were passed over, and why."""
    blocks: list[Block] = []
    for fold, end in _folds(made):
        lines = [line[0].upper() + line[1:].rstrip(".") for line in passed_over(made, fold)]
        blocks += [Points(tuple(f"{line}{_where(fold, end)}." for line in lines))] if lines else []
        rows = [(Cell(f"trial {t.number}"), Cell(t.state), Cell(t.reason)) for t in fold.trials if t.reason]
        rows += [(Cell(point), Cell("unfit"), Cell(why)) for point, why in fold.unfit.items()]
        if rows:
            columns = (Column("what", heads=True), Column("state"), Column("reason"))
            blocks.append(Table(f"missing{end}", "What gave no score, and why.", columns, tuple(rows)))
    return Section(
        "missing", "What is missing", tuple(blocks) or (Words("Nothing: every trial has its score."),)
    )


def _folds(made: Tuned) -> list[tuple[FoldSearch, str]]:
    """Each fold with the end of its files' names."""
    if len(made.folds) == 1:
        return [(made.folds[0], "")]
    names = distinct_names([fold.fold for fold in made.folds])
    return [(fold, f"-{name}") for fold, name in zip(made.folds, names, strict=True)]


def _where(fold: FoldSearch, end: str) -> str:
    return f", fold {fold.fold}" if end else ""


def _table(made: Tuned, fold: FoldSearch, end: str) -> Table:
    again = bool(fold.confirmations)
    columns = (
        Column("trial", heads=True),
        *(Column(key, number=True) for key in made.design.space.keys),
        Column("selection, %", number=True),
        *([Column("fresh seeds, %", number=True)] if again else []),
        Column("training, s", number=True),
        Column("state"),
    )
    scored = best_first(fold.finished)
    others = [trial for trial in fold.trials if trial.state != "finished"]
    rows = []
    for trial in [*scored, *others]:
        chosen = trial.number == fold.chosen.trial.number
        confirmed = fold.confirmations.get(trial.number)
        fresh = [over_seeds(confirmed.values if confirmed else (), strong=chosen)] if again else []
        rows.append(
            (
                Cell(str(trial.number), trial.number, chosen),
                *_values(made, trial),
                over_seeds(trial.scores, strong=chosen),
                *fresh,
                measured(trial.seconds) if trial.seconds else Cell(NOTHING, ""),
                Cell(_state(trial)),
            )
        )
    caption = f"The trials{_where(fold, end)}, the best first; ± standard deviation over seeds."
    return Table(f"trials{end}", caption, columns, tuple(rows))


def _values(made: Tuned, trial: Trial) -> list[Cell]:
    return [Cell(option_text(value)) for value in made.values(trial).values()]


def _state(trial: Trial) -> str:
    early = f" after epoch {trial.pruned_at}" if trial.pruned_at else ""
    again = f", killed {trial.killed} x and gone on with" if trial.killed else ""
    return f"{trial.state}{early}{again}"


def _map(made: Tuned, fold: FoldSearch, end: str, grid: Grid) -> Picture:
    columns = (
        Column(grid.rows, heads=True),
        *(Column(f"{grid.columns} = {value}", number=True) for value in grid.column_values),
    )
    rows = []
    for row, name in enumerate(grid.row_values):
        cells = [grid.trials.get((row, column)) for column in range(len(grid.column_values))]
        rows.append((Cell(name), *(over_seeds(cell.scores if cell else ()) for cell in cells)))
    caption = (
        f"Selection {SPOKEN[made.metric]} in % over {grid.columns} and {grid.rows}{_where(fold, end)}"
        + ("; ± standard deviation over seeds" if len(made.design.seeds) > 1 else "; one seed a trial")
        + (", the best of each pair" if len(made.design.space.keys) > 2 else "")
        + "."
    )
    alt = f"Map of {len(grid.trials)} cells; {_best_cell(grid)}."
    numbers = Table(f"map{end}", caption, columns, tuple(rows))
    return Picture(f"map{end}", caption, alt, partial(map_figure, made, fold, grid), numbers)


def _best_cell(grid: Grid) -> str:
    (row, column), best = max(grid.trials.items(), key=lambda cell: cell[1].score or 0)
    return (
        f"the highest is {points(best.score or 0)} % at {grid.columns} {grid.column_values[column]}, "
        f"{grid.rows} {grid.row_values[row]}"
    )


def _history(made: Tuned, fold: FoldSearch, end: str) -> Picture:
    scored = [trial for trial in fold.trials if trial.score is not None]
    best = _best_so_far(scored)
    columns = (
        Column("trial", heads=True),
        Column("selection, %", number=True),
        Column("best so far, %", number=True),
    )
    rows = tuple(
        (Cell(str(trial.number), trial.number), share(trial.score or 0), share(so_far))
        for trial, so_far in zip(scored, best, strict=True)
    )
    caption = f"Selection {SPOKEN[made.metric]} trial by trial{_where(fold, end)}."
    alt = f"{counted(len(scored), 'trial')} in their order; the best so far ends at {points(best[-1])} %."
    numbers = Table(f"history{end}", caption, columns, rows)
    return Picture(f"history{end}", caption, alt, partial(history_figure, made, fold), numbers)


def _best_so_far(scored: Sequence[Trial]) -> list[float]:
    """Of trials that ran to their end; those ended early set no mark."""
    found = [trial.score if trial.state == "finished" else 0.0 for trial in scored]
    return [float(best) for best in np.maximum.accumulate(np.asarray(found, dtype=float))]


def _importance(made: Tuned, fold: FoldSearch, end: str) -> Picture:
    ordered = sorted(fold.importance.items(), key=lambda item: -item[1])
    rows = tuple((Cell(key), share(part, 0)) for key, part in ordered)
    caption = f"Share of the scores' variation{_where(fold, end)}."
    alt = f"Bars; the longest is {ordered[0][0]} with {points(ordered[0][1], 0)} %."
    columns = (Column("option", heads=True), Column("share, %", number=True))
    numbers = Table(f"importance{end}", caption, columns, rows)
    make = partial(option_importance, fold.importance, stand_in=made.stand_in)
    return Picture(f"importance{end}", caption, alt, make, numbers)
