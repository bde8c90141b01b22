"""What a dataset holds beside what was published, and every problem."""

from __future__ import annotations

from rich.console import Group
from rich.markup import escape

from fusionbench.bench.verify import Verified
from fusionbench.report.tables import plain_table


def inventory_table(verified: Verified) -> Group:
    """Counts a split and class, then the problems."""
    inventory = verified.inventory
    data = "  [stand-in: generated data]" if verified.stand_in else ""
    counts = plain_table(escape(f"{verified.dataset} in {verified.root}{data}"))
    for column in ("split/class", "found", "published"):
        counts.add_column(column, justify="left" if column == "split/class" else "right")
    for key in sorted({*inventory.found, *inventory.published}):
        found, published = inventory.found.get(key, 0), inventory.published.get(key)
        style = "yellow" if published is not None and published != found else None
        counts.add_row(key, str(found), "" if published is None else str(published), style=style)
    counts.add_row(
        "all", str(len(inventory.clips)), str(sum(inventory.published.values()) or ""), style="bold"
    )
    problems = plain_table(f"{len(inventory.problems)} problem(s)")
    problems.add_column("clip")
    problems.add_column("reason")
    for problem in inventory.problems:
        problems.add_row(escape(problem.clip), escape(problem.reason))
    return Group(counts, problems) if inventory.problems else Group(counts)
