"""Score against cost: is the better head worth its price?"""

from __future__ import annotations

from functools import partial

from fusionbench.figures.trade_off import Costed, pareto, trade_off
from fusionbench.report.costs import Cost, costs_of
from fusionbench.report.decimals import spread
from fusionbench.report.document import Cell, Column, Picture, Section, Table, Words
from fusionbench.report.evidence import Evidence
from fusionbench.report.sections.ranked import decimals_of

TIMED = (
    "Milliseconds are wall time of the machine that made the runs; "
    "busy machines and other workers make them longer."
)


def cost(evidence: Evidence) -> Section | None:
    """A figure a measure; None where no run holds any."""
    drawn = [one for one in costs_of(evidence) if any(one.of(head) > 0 for head in evidence.heads)]
    if not drawn:
        return None
    return Section(
        "cost", "Score against cost", (*(_picture(evidence, one) for one in drawn), Words(TIMED, "aside"))
    )


def _picture(evidence: Evidence, measure: Cost) -> Picture:
    costed = [
        Costed(head.label, measure.of(head), head.row.metrics[evidence.metric].mean, _std(evidence, k))
        for k, head in enumerate(evidence.heads)
    ]
    on_front = pareto([one.cost for one in costed], [one.score for one in costed])
    front = [one.name for one, on in zip(costed, on_front, strict=True) if on]
    columns = (
        Column(evidence.compared, heads=True),
        Column(measure.short, number=True),
        Column(f"{evidence.metric_name}, %", number=True),
        Column("on the front"),
    )
    digits = decimals_of(evidence)
    rows = tuple(
        (
            Cell(head.label, strong=on),
            measure.cell(head),
            spread(one.score, one.spread if len(head.runs) > 1 else None, digits),
            Cell("yes" if on else "no"),
        )
        for head, one, on in zip(evidence.heads, costed, on_front, strict=True)
    )
    name = f"cost-{measure.key.replace('_', '-')}"
    return Picture(
        name,
        f"{evidence.score} against {measure.name}. On the front no other row is at least as good for less.",
        f"Scatter of {evidence.metric_name} against {measure.name}; on the Pareto front: {', '.join(front)}.",
        partial(
            trade_off,
            costed,
            cost=measure.name,
            metric=evidence.metric_name,
            stand_in=evidence.made.stand_in,
        ),
        Table(name, f"{evidence.metric_name} and {measure.name}.", columns, rows),
    )


def _std(evidence: Evidence, place: int) -> float:
    return evidence.heads[place].row.metrics[evidence.metric].std
