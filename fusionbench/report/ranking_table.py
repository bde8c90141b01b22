"""The table at the end of a comparison."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fusionbench.contract.judging import SPOKEN
from fusionbench.report.budget_table import tuned_table
from fusionbench.report.parts_caption import parts_caption
from fusionbench.report.tables import mflop, percent, plain_table
from fusionbench.report.verdict_table import verdict_table
from fusionbench.study.comparison import Comparison
from fusionbench.study.forecast import Expectation
from fusionbench.study.plan import Plan
from fusionbench.study.ranking import Row, Spread


def ranking_table(made: Comparison, title: str = "") -> RenderableType:
    """Rows by the mean of what ranks them; what was skipped or failed stands below with its reason.

    Rows that were tuned are a family of their own and follow, ranked and judged among themselves.

    Args:
        made: the comparison.
        title: default its question.
    """
    data = "  [stand-in: generated data]" if made.stand_in else ""
    table = plain_table(escape(f"{title or made.experiment.question}{data}"), _caption(made))
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column(", ".join(made.experiment.row_keys) or "fusion", no_wrap=True)
    first = made.ranking[0].metrics if made.ranking else {}
    shown = [name for name in first if all(name in row.metrics for row in made.ranking)]
    for name in shown:
        style = "bold" if name == made.metric else ""
        table.add_column(SPOKEN[name], justify="right", no_wrap=True, style=style)
    costed = not all(math.isnan(row.params) for row in made.ranking)
    if any(row.folds for row in made.ranking):
        table.add_column("over folds", justify="right", no_wrap=True)
    for name in ("params", "ms/clip", "MFLOP") if costed else ():
        table.add_column(name, justify="right")
    top = made.verdicts.top(made.ranking[0].label) if made.verdicts and made.ranking else ()
    for place, row in enumerate(made.ranking, 1):
        weight = "bold" if row.label in top else None
        table.add_row(
            _rank(made, place, row.label), escape(row.label), *_figures(row, shown, costed), style=weight
        )
    absent = [("skipped", made.skipped), ("failed", made.failed)]
    parts: list[RenderableType] = [table]
    parts += [verdict_table(made.verdicts, made.ranking[0].label)] if made.verdicts else []
    parts += [_absent(title, entries) for title, entries in absent if entries]
    if made.tuned:
        parts += [tuned_table(made, made.tuned), ranking_table(made.tuned.rows, "tuned rows")]
    return Group(*parts)


def _rank(made: Comparison, place: int, label: str) -> str:
    """The places that the verdicts leave open; without any, the place in the order of means."""
    if made.verdicts is None:
        return str(place)
    first, last = made.verdicts.ranks[label]
    return str(first) if first == last else f"{first}-{last}"


def _figures(row: Row, shown: list[str], costed: bool) -> list[str]:
    columns = [_spread(row.metrics[name]) for name in shown]
    if row.folds:
        columns.append(_spread(row.folds[shown[0]]))
    costs = [f"{row.params:,.0f}", f"{row.ms_per_clip:.3f}", mflop(row.flops)]
    return columns + costs if costed else columns


def _spread(spread: Spread) -> str:
    return (
        f"{100 * spread.mean:.1f} ± {100 * spread.std:.1f}"
        if len(spread.values) > 1
        else percent(spread.mean)
    )


def _caption(made: Comparison) -> str:
    seeds = len(made.experiment.seeds)
    chance = f"; chance {percent(made.ranking[0].chance)}" if made.ranking else ""
    again = f"; {made.reused} run(s) were finished before" if made.reused else ""
    parts = "".join(f"\n{escape(line)}" for line in parts_caption([outcome for _, outcome in made.runs]))
    return (
        f"report split, %, mean ± standard deviation over {seeds} seed(s){chance}{again}."
        + ("" if made.verdicts else f"\n{made.no_verdict}")
        + parts
        + ("\nparams, ms/clip and MFLOP are of whole models, frames to logits" if made.whole_models else "")
        + (f"\n{made.caution}" if made.caution else "")
    )


def _absent(title: str, entries: list) -> Table:
    table = plain_table(f"{title}: {len(entries)}")
    table.add_column("compared", no_wrap=True)
    table.add_column("seed")
    table.add_column("reason")
    for entry in entries:
        table.add_row(escape(entry.label), str(entry.seed), escape(entry.reason))
    return table


def plan_table(plan: Plan, expected: Expectation | None = None) -> RenderableType:
    """What would run, what is finished, what does not fit, and what it could show."""
    unread = f"; {len(plan.unread)} more whose clips are not read yet" if plan.unread else ""
    table = plain_table("would run", f"{len(plan.pending)} of {len(plan.folds)} runs are to be done{unread}")
    for column in ("compared", "seed", "fold", "state"):
        table.add_column(column)
    for (number, fold), identity in plan.folds.items():
        member = plan.members[number]
        state = "finished" if identity in plan.finished else "to run"
        table.add_row(
            escape(member.label), str(member.seed), fold, state, style="dim" if state == "finished" else None
        )
    for number in plan.unread:
        member = plan.members[number]
        table.add_row(escape(member.label), str(member.seed), "", "clips not read yet", style="dim")
    for absent in plan.skipped:
        table.add_row(
            escape(absent.label), str(absent.seed), "", escape(f"skipped: {absent.reason}"), style="yellow"
        )
    if expected is None:
        return table
    lines = "\n".join(f"- {escape(line)}" for line in expected.lines())
    return Group(table, f"[bold]what it could show[/bold]\n{lines}\n")
