"""The first rows of what a run said of each clip."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from fusionbench.bench.run_predictions import RunPredictions
from fusionbench.report.tables import percent, plain_table

ROWS = 10
"""shown on the screen; a file has them all"""


def predictions_table(found: RunPredictions) -> Table:
    """Clip, subject, truth, prediction and its probability; the caption counts what was right."""
    columns = found.columns()
    data = "  [stand-in: generated data]" if found.stand_in else ""
    epoch = "the last epoch" if found.last else "the epoch that was selected"
    right = columns["correct"]
    clips = len(right)
    score = f"{int(right.sum())} of {clips} clips right ({percent(right.mean())})"
    first = f"; the first {ROWS} are shown" if clips > ROWS else ""
    table = plain_table(
        escape(f"{found.name}{data}"),
        f"{score}, with the weights of {epoch}{first}",
    )
    shown = [name for name in ("fold", "id", "subject", "truth", "prediction") if name in columns]
    for name in (*shown, "probability", "correct"):
        table.add_column(name, justify="right" if name == "probability" else "left", overflow="fold")
    for k in range(min(clips, ROWS)):
        table.add_row(
            *(escape(columns[name][k] or "") for name in shown),
            percent(columns[f"p({columns['prediction'][k]})"][k]),
            "yes" if right[k] else "no",
        )
    return table
