"""What is missing: runs that were skipped or failed, clips that could not be read, and why."""

from __future__ import annotations

from fusionbench.report.document import Block, Cell, Column, Section, Table, Words
from fusionbench.report.evidence import Evidence


def absent(evidence: Evidence) -> Section:
    """Every absence with its reason; said too where there is none."""
    made = evidence.made
    rows = [
        (Cell(one.label), Cell(str(one.seed), one.seed), Cell(state), Cell(one.reason))
        for state, entries in (("skipped", made.skipped), ("failed", made.failed))
        for one in entries
    ]
    blocks: list[Block] = []
    if rows:
        columns = (
            Column(evidence.compared, heads=True),
            Column("seed", number=True),
            Column("state"),
            Column("reason"),
        )
        caption = "Runs without figures: skipped where parts do not fit, failed where something went wrong."
        blocks.append(Table("missing-runs", caption, columns, tuple(rows)))
    clips = skipped_clips(evidence)
    if clips:
        lines = tuple((Cell(clip), Cell(reason)) for clip, reason in clips)
        named = (Column("clip", heads=True), Column("reason"))
        blocks.append(Table("skipped-clips", "Clips that were left out of every run.", named, lines))
    if not blocks:
        blocks.append(Words("Nothing: every run of the plan has figures, and every clip was read."))
    return Section("missing", "What is missing", tuple(blocks))


def skipped_clips(evidence: Evidence) -> list[tuple[str, str]]:
    """Clips that a run left out, with their reasons, each once."""
    found = {
        (str(skipped.get("clip", "")), str(skipped.get("reason", "")))
        for _, outcome in evidence.made.runs
        for skipped in outcome.skipped
    }
    return sorted(found)
