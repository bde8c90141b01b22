"""Every rule a component was held to: passed, broken or skipped, with the likely fix."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from fusionbench.authoring.check import Verdict
from fusionbench.report.tables import plain_table

STYLES = {"passed": "green", "broken": "bold red", "skipped": "dim"}


def check_table(verdict: Verdict) -> Table:
    """One row a rule; those that wait for another one share a row."""
    states = [finding.state for finding in verdict.findings]
    counted = ", ".join(f"{states.count(s)} {s}" for s in STYLES if s in states)  # type: ignore[arg-type]
    where = f" on {verdict.judged_on}" if verdict.judged_on else ""
    table = plain_table(escape(f"{verdict.kind} {verdict.name}{where}: {counted}"))
    table.add_column("rule", ratio=3)
    table.add_column("", no_wrap=True)
    table.add_column("detail", ratio=4)
    judged = [finding for finding in verdict.findings if not finding.waits]
    waiting = [finding for finding in verdict.findings if finding.waits]
    for finding in judged:
        detail = escape(finding.detail)
        if finding.fix:
            detail += f"\n[bold]likely fix:[/bold] {escape(finding.fix)}"
        table.add_row(escape(finding.rule), f"[{STYLES[finding.state]}]{finding.state}", detail)
    if waiting:
        rules = f"{len(waiting)} more rule{'s' if len(waiting) > 1 else ''}"
        table.add_row(rules, f"[{STYLES['skipped']}]skipped", escape(waiting[0].detail))
    return table
