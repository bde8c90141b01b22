"""What can be said of every row against the first, or against the row that was declared."""

from __future__ import annotations

from rich.console import Group
from rich.markup import escape

from fusionbench.report.tables import plain_table
from fusionbench.study.answer import METRIC_NAMES, points
from fusionbench.study.verdict import Pair, Verdicts

CANT_TELL = "can't tell"


def verdict_table(verdicts: Verdicts, first: str) -> Group:
    """One row a pair with its interval and verdict, then the answer in words.

    Args:
        verdicts: of the comparison.
        first: label of the row with the best mean.
    """
    anchor = verdicts.terms.against if verdicts.terms.family == "against" else first
    name = METRIC_NAMES.get(verdicts.metric, verdicts.metric)
    margin = 100 * verdicts.terms.margin
    table = plain_table(
        escape(f"against {anchor}: difference in {name}, points"),
        f"{len(verdicts.pairs)} pair(s) judged together over seeds and {verdicts.groups}; intervals hold "
        f"together at 95 %, p by Holm, equivalent: within {margin:g} point(s)",
    )
    table.add_column("compared", no_wrap=True)
    for column in ("difference", "interval", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict")
    for pair in verdicts.pairs:
        if anchor in (pair.a, pair.b):
            sign = -1 if pair.a == anchor else 1  # of the other less the anchor
            low, high = sorted((sign * pair.low, sign * pair.high))
            other = pair.b if pair.a == anchor else pair.a
            table.add_row(
                escape(other),
                points(sign * pair.difference),
                f"{points(low)} to {points(high)}",
                f"{pair.p_holm:.3f}" if pair.p_holm >= 0.001 else "<.001",
                verdict_in_words(pair, other),
            )
    notes = "".join(f"\nnote: {escape(note)}" for note in verdicts.notes)
    return Group(table, f"[bold]{escape(verdicts.answer)}[/bold]{notes}", "")


def verdict_in_words(pair: Pair, of: str) -> str:
    """The verdict on one row of a pair."""
    if pair.verdict in ("a", "b"):
        won = (pair.a if pair.verdict == "a" else pair.b) == of
        return ("better" if won else "worse") + (", by less than the margin" if pair.within_margin else "")
    return "equivalent" if pair.verdict == "equivalent" else CANT_TELL
