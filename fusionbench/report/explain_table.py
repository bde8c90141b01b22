"""The clips that were explained, and what was said of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from fusionbench.bench.explain_figures import ClipFigures
from fusionbench.report.tables import percent, plain_table
from fusionbench.track.records import RunRecord


def explain_table(record: RunRecord, done: Sequence[ClipFigures]) -> Table:
    """One row a clip."""
    data = "  [stand-in: generated data]" if record.tags.get("fusionbench.stand_in") == "true" else ""
    table = plain_table(escape(f"{record.name}{data}"))
    for column in ("clip", "truth", "prediction", "probability", "target frame", "figures"):
        table.add_column(column, justify="left" if column in ("clip", "truth", "prediction") else "right")
    for one in done:
        table.add_row(
            escape(one.clip),
            escape(one.truth),
            escape(one.predicted),
            percent(one.probability),
            str(one.frame),
            str(len(one.files)),
        )
    return table
