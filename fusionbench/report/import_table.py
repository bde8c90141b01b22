"""What an import came to: parts and streams of the store, what was seen and done, what was left out."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fusionbench.exchange.bring_in import Imported
from fusionbench.report.tables import plain_table


def import_table(imported: Imported) -> Group:
    """Parts, then what was seen and done, then what a number made from the store would hide."""
    shown: list[RenderableType] = [_parts(imported), _seen(imported)]
    if imported.findings:
        shown.append(_findings(imported))
    return Group(*shown)


def _parts(imported: Imported) -> Table:
    widths = ", ".join(f"{name} ({width})" for name, width in imported.streams.items())
    table = plain_table(escape(f"{imported.store}: {imported.format}, streams {widths}"))
    for column in ("part", "clips", "classes"):
        table.add_column(column, justify="right" if column == "clips" else "left")
    for part, classes in imported.parts.items():
        counts = ", ".join(f"{label} {count:,}" for label, count in classes.items())
        table.add_row(escape(part or "all"), f"{sum(classes.values()):,}", escape(counts))
    return table


def _seen(imported: Imported) -> Table:
    table = plain_table("seen and done")
    table.show_header = False
    table.add_column("")
    for sentence in imported.seen:
        table.add_row(escape(sentence))
    return table


def _findings(imported: Imported) -> Table:
    table = plain_table(
        f"{len(imported.findings)} finding(s), {sum(f.wrong for f in imported.findings)} of them wrong"
    )
    table.add_column("")
    table.add_column("what was found")
    for finding in imported.findings:
        state, style = ("wrong", "yellow") if finding.wrong else ("note", None)
        table.add_row(state, escape(finding.message), style=style)
    return table
