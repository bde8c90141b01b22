"""What the paper published about these data, beside its rows here; nothing for generated data."""

from __future__ import annotations

from fusionbench.report.decimals import NOTHING
from fusionbench.report.document import Cell, Column, Section, Table, Words
from fusionbench.report.evidence import Evidence
from fusionbench.report.published import CLIPS, SOURCE, about, of_paper

NOT_COMPARABLE = (
    "Not comparable: figures were published about the real data set, and these clips are generated. "
    "None stands here."
)


def paper(evidence: Evidence) -> Section | None:
    """None for data that the paper has no table of."""
    figures = about(evidence)
    if not figures:
        return None
    if evidence.made.stand_in:
        return Section("published", "Published figures", (Words(NOT_COMPARABLE),))
    here = of_paper(evidence)
    columns = (
        Column("method", heads=True),
        Column("table"),
        Column("accuracy, %", number=True),
        Column("clips right", number=True),
        Column("row here"),
    )
    rows = tuple(
        (
            Cell(figure.method),
            Cell(figure.table),
            Cell(f"{figure.percent:.2f}", figure.percent / 100),
            Cell(f"{figure.clips} of {CLIPS}", figure.clips),
            Cell(next((label for label, one in here.items() if one is figure), NOTHING)),
        )
        for figure in figures
    )
    caption = f"{SOURCE}: accuracy on AFEW's validation part, single runs, no seeds and no deviation."
    words = Words(
        "Single runs with the paper's own backbone and training: one clip is "
        f"{100 / CLIPS:.2f} points, and nothing tells how far another seed would have come out.",
        "aside",
    )
    return Section("published", "Published figures", (words, Table("published", caption, columns, rows)))
