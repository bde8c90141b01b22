"""The tables of a study: what it searches, and at its end what was chosen and how far choosing flattered."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fusionbench.catalog.command_line import run_words
from fusionbench.contract.judging import SPOKEN
from fusionbench.report.decimals import points
from fusionbench.report.study_words import axis_text, counted, option_text, passed_over
from fusionbench.report.tables import percent, plain_table
from fusionbench.study.design import Design
from fusionbench.study.ranking import Spread
from fusionbench.study.tuned import FoldSearch, Tuned, best_first

MOST = 12
"""trials that a screen shows of each fold"""
_WIDTH = 78
"""columns, so that what stands below a narrow table can be read"""


def design_table(design: Design) -> RenderableType:
    """What a study would search."""
    size = f"{design.space.size:,.0f} points" if design.space.size < float("inf") else "no end of points"
    confirm = design.tuning.confirm
    again = f"then the best {confirm} again with fresh seeds, and " if confirm else "then "
    caption = (
        f"sampler {design.sampler}; {counted(design.total, 'trial')} a fold, "
        f"{counted(len(design.seeds), 'seed')} each, {counted(design.epochs, 'epoch')}; {size}\n"
        f"{again}the chosen one is judged once"
    )
    caption = "".join(f"{escape(line)}\n" for line in design.notes) + caption
    table = plain_table(
        escape(design.question or f"what would be searched for {design.base.fusion.name}"), caption
    )
    for column in ("option", "values", "default"):
        table.add_column(column)
    for axis in design.space.axes:
        table.add_row(
            axis.key, escape(axis_text(axis.plain())), escape(option_text(design.default[axis.key]))
        )
    return table


def tune_table(made: Tuned) -> RenderableType:
    """The best trials of each fold, then the scores of what was chosen."""
    parts: list[RenderableType] = [_trials(made, fold) for fold in made.folds]
    return Group(*parts, _scores(made))


def _trials(made: Tuned, fold: FoldSearch) -> Table:
    data = "  [stand-in: generated data]" if made.stand_in else ""
    where = "" if len(made.folds) == 1 else f", fold {fold.fold}"
    table = plain_table(escape(f"study {made.study}{where}{data}"), "\n".join(_told(made, fold)))
    table.min_width = _WIDTH
    table.add_column("trial", justify="right")
    for key in made.design.space.keys:
        table.add_column(key.replace(".", ".\n"), justify="right")
    table.add_column(f"selection\n{SPOKEN[made.metric]}", justify="right")
    again = bool(fold.confirmations)
    if again:
        table.add_column("fresh\nseeds", justify="right")
    chosen = fold.chosen.trial.number
    best = best_first(fold.finished)[:MOST]
    best += [trial for trial in fold.finished if trial.number == chosen and trial not in best]
    for trial in best:
        values = [escape(option_text(value)) for value in made.values(trial).values()]
        confirmed = [_spread(fold.confirmations.get(trial.number))] if again else []
        score = Spread.of(trial.scores) if trial.scores else None
        style = "bold" if trial.number == chosen else None
        table.add_row(str(trial.number), *values, _spread(score), *confirmed, style=style)
    return table


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if len(spread.values) == 1:
        return percent(spread.mean)
    return f"{100 * spread.mean:.1f} ± {100 * spread.std:.1f}"


def _told(made: Tuned, fold: FoldSearch) -> list[str]:
    """Everything about the trials that the table does not show."""
    hidden = len(fold.finished) - MOST
    seeds = counted(len(made.design.seeds), "seed")
    first = f"{counted(fold.ended, 'trial')}, sampler {made.design.sampler}, {seeds} each"
    first += f"; {hidden} more are in MLflow" if hidden > 0 else ""
    return [escape(line) for line in (first, *passed_over(made, fold))]


def _scores(made: Tuned) -> Table:
    """Selection, confirmed and report score of the chosen configuration, and the gap."""
    report = made.report
    notes = ["its selection score is the best of many, so it flatters"]
    if made.confirmed is not None:
        notes.append("fresh seeds take away the luck of seeds, not that of the selection clips")
    if made.gap is not None:
        notes.append(f"from selection to report: {points(made.gap, sign=True)} points")
    table = plain_table("the chosen configuration", "\n".join(notes))
    table.min_width = _WIDTH
    table.show_header = False
    table.add_column("")
    table.add_column("", justify="right")
    folds = "" if len(made.folds) == 1 else ", mean over folds"
    table.add_row(f"selection split{folds}", percent(made.score))
    if made.confirmed is not None:
        table.add_row(f"selection split, fresh seeds{folds}", percent(made.confirmed))
    if report is not None:
        pooled = "" if len(made.folds) == 1 else ", folds pooled"
        seeds = f", {len(report.values)} seeds" if len(report.values) > 1 else ""
        table.add_row(f"report split, judged once{pooled}{seeds}", _spread(report))
        table.add_row("chance (most frequent class)", percent(made.outcomes[0].chance))
    return table


def next_command(made: Tuned, written: Sequence[Path]) -> str:
    """The run of what was chosen, as one would type it."""
    if written:
        return f"fusionbench run --config {shlex.quote(str(written[0]))}"
    fold = made.folds[0]
    request = made.design.request
    values: dict[str, Any] = {**request.values, **made.values(fold.chosen.trial)}
    if len(made.folds) > 1:
        values["fold"] = fold.fold
    return shlex.join(run_words(values, request.file, request.registry))
