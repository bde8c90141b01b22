"""The budgets of a comparison whose rows are tuned: what would be searched, and what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape

from fusionbench.contract.judging import SPOKEN
from fusionbench.report.decimals import points
from fusionbench.report.durations import duration
from fusionbench.report.study_words import axis_text, counted, option_text
from fusionbench.report.tables import percent, plain_table
from fusionbench.study.budgets import Budget
from fusionbench.study.comparison import CONDITIONAL, Comparison, TunedRows
from fusionbench.study.searched import Searched


def budget_table(asked: Sequence[Budget]) -> RenderableType:
    """What every row would be tuned over, and what that comes to."""
    first = asked[0].design
    runs, epochs = sum(one.runs for one in asked), sum(one.epochs for one in asked)
    chosen = sum(one.seeds * one.folds for one in asked)
    caption = (
        f"{counted(first.total, 'configuration')} a row, the default first, x "
        f"{counted(len(first.seeds), 'seed')}, sampler {first.sampler}: {counted(runs, 'trial')}, then "
        f"{counted(chosen, 'run')} of what is chosen; {counted(epochs, 'epoch')}"
    )
    table = plain_table("would be tuned", caption)
    table.add_column("compared", no_wrap=True)
    for column in ("configurations", "trials", "epochs"):
        table.add_column(column, justify="right")
    table.add_column("searched")
    for one in asked:
        searched = [f"{key}: {axis_text(plain)}" for key, plain in one.design.space.plain().items()] or [
            "nothing"
        ]
        told = "".join(f"\n({escape(line)})" for line in one.told)
        table.add_row(
            escape(one.label),
            str(one.configurations),
            f"{one.runs:,}",
            f"{one.epochs:,}",
            escape("\n".join(searched)) + told,
        )
    return table


def tuned_table(made: Comparison, tuned: TunedRows) -> RenderableType:
    """Default beside tuned, row by row; what was searched, what was chosen, what that took."""
    name = SPOKEN[made.metric]
    default = {row.label: row for row in made.ranking}
    table = plain_table(
        f"default beside tuned: {name}, %",
        "selection: of trial 0 and of the best, with the seeds of a trial; the best of many flatters\n"
        "report: mean over seeds of each family; judged once a run",
    )
    table.add_column("tuned", no_wrap=True)
    for column in ("tried", "time", "selection", "report", "gain"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("chosen")
    for row in tuned.rows.ranking:
        one, before = tuned.search(row.label), default.get(row.label)
        first = "failed" if one.default_score is None else percent(one.default_score)
        table.add_row(
            escape(row.label),
            f"{one.tried} of {one.budget}",
            duration(one.seconds),
            f"{first} > {percent(one.score)}",
            f"{percent(before.score.mean) if before else 'failed'} > {percent(row.score.mean)}",
            points(row.score.mean - before.score.mean, sign=True) if before else "",
            escape(chosen_in_words(one)),
        )
    lines = [f"{one.label}: {line}" for one in tuned.searches for line in one.told]
    lines += [f"{one.label}: searched {in_words(one.space)}" for one in tuned.searches]
    told = "\n".join(f"- {escape(line)}" for line in lines)
    return Group(table, f"{told}\n", f"[bold]{CONDITIONAL}[/bold]\n")


def in_words(space: Mapping[str, Any]) -> str:
    """A space in a line."""
    return "; ".join(f"{key}: {axis_text(plain)}" for key, plain in space.items()) or "nothing"


def chosen_in_words(one: Searched) -> str:
    """Option = value of what was chosen, where it is not the default; a line a fold."""
    lines = []
    for fold in one.folds:
        trial = fold.chosen.trial
        values = {**one.default, **trial.point}
        changed = [f"{key} = {option_text(value)}" for key, value in values.items()]
        where = "" if len(one.folds) == 1 else f"{fold.fold}: "
        lines.append(where + ("the default" if not trial.point else ", ".join(changed)))
    return "\n".join(lines)
