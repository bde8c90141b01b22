"""Table of prepared clips: frames, faces, gaps."""

from __future__ import annotations

from typing import Literal

from rich.markup import escape
from rich.table import Table

from fusionbench.prepare.gaps import described
from fusionbench.prepare.prepare import Prepared
from fusionbench.report.tables import percent, plain_table

MOST = 20
"""clips that are listed; of more, those with the largest share of gaps"""


def prepared_table(done: Prepared) -> Table:
    """One line a clip: what a person looks at before training on it."""
    clips = list(done.counted.items())
    worst = sorted(clips, key=lambda clip: clip[1].found / clip[1].frames)[:MOST]
    shown = clips if len(clips) <= MOST else worst
    left = f"the {MOST} of {len(clips)} clips with the most gaps" if len(clips) > MOST else None
    table = plain_table("prepared", left)
    for column in ("clip", "frames", "with a face", "faces at once", "gaps"):
        side: Literal["left", "right"] = "left" if column in ("clip", "gaps") else "right"
        table.add_column(column, justify=side, overflow="fold")
    for clip, found in shown:
        table.add_row(
            escape(clip),
            str(found.frames),
            percent(found.found / found.frames),
            str(found.most_faces),
            escape(described(found.gaps)),
        )
    return table
