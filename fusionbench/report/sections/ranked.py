"""The ranked table: score, difference to the best with its interval, rank, verdict, cost."""

from __future__ import annotations

from fusionbench.contract.judging import SPOKEN
from fusionbench.figures.ranking import HeadScores, comparison
from fusionbench.report.costs import costs_of
from fusionbench.report.decimals import NOTHING, count, points, share, spread, warranted
from fusionbench.report.document import Block, Cell, Column, Picture, Section, Table, Words
from fusionbench.report.evidence import Evidence, Head
from fusionbench.report.published import Figure, of_paper


def ranked(evidence: Evidence) -> Section:
    """Every head, the best mean first."""
    metric = evidence.metric_name
    chance = evidence.best.row.chance
    best, last = evidence.heads[0], evidence.heads[-1]
    picture = Picture(
        "ranking",
        f"{evidence.score} on the report split: mean, seeds, and ± standard deviation over seeds.",
        f"Dot plot of {len(evidence.heads)} rows by {metric}, from {best.label} "
        f"({points(_mean(evidence, best))} %) to {last.label} ({points(_mean(evidence, last))} %); "
        f"chance is {points(chance)} %.",
        lambda: comparison(
            [_scores(evidence, head) for head in evidence.heads],
            metric=metric,
            interval="± standard deviation over seeds" if len(evidence.seeds) > 1 else "",
            chance=chance,
            caution=evidence.made.caution,
            stand_in=evidence.made.stand_in,
        ),
        _seeds_table(evidence),
    )
    blocks: list[Block] = [_table(evidence), picture]
    others = [name for name in evidence.best.row.metrics if name != evidence.metric]
    if others:
        blocks.append(_other_scores(evidence, others))
    return Section("ranking", "Ranking", tuple(blocks))


def decimals_of(evidence: Evidence) -> int:
    """Decimals of points that the narrowest interval of a difference warrants; else the spread over seeds."""
    if evidence.verdicts and evidence.verdicts.pairs:
        return warranted(100 * (pair.high - pair.low) / 2 for pair in evidence.verdicts.pairs)
    return warranted(100 * head.row.metrics[evidence.metric].std for head in evidence.heads)


def _mean(evidence: Evidence, head: Head) -> float:
    return head.row.metrics[evidence.metric].mean


def _scores(evidence: Evidence, head: Head) -> HeadScores:
    found = head.row.metrics[evidence.metric]
    bar = (found.mean - found.std, found.mean + found.std) if len(found.values) > 1 else None
    return HeadScores(head.label, found.values, bar)


def _table(evidence: Evidence) -> Table:
    verdicts, anchor, digits = evidence.verdicts, evidence.anchor, decimals_of(evidence)
    paper = {} if evidence.made.stand_in else of_paper(evidence)
    costs = costs_of(evidence)
    columns = [
        Column("rank", number=True),
        Column(evidence.compared, heads=True),
        Column(f"{evidence.metric_name}, %", number=True),
    ]
    if verdicts:
        columns += [
            Column(f"difference to {anchor}, points", number=True),
            Column("interval", number=True),
            Column("verdict"),
        ]
    columns += [Column("published, %", number=True)] if paper else []
    columns += [Column(cost.short, number=True) for cost in costs]
    top = evidence.top()
    rows = []
    for place, head in enumerate(evidence.heads, 1):
        strong = head.label in top
        found = head.row.metrics[evidence.metric]
        deviation = found.std if len(found.values) > 1 else None
        row = [
            _rank(evidence, place, head.label),
            Cell(head.label, strong=strong),
            spread(found.mean, deviation, digits, strong=strong),
        ]
        row += _against(evidence, head.label, anchor, digits) if verdicts else []
        row += [_published(paper.get(head.label))] if paper else []
        row += [cost.cell(head) for cost in costs]
        rows.append(tuple(row))
    chance = evidence.best.row.chance
    empty = [Cell("", "")] * (len(columns) - 3)
    rows.append((Cell("", ""), Cell("chance"), share(chance, digits), *empty))
    return Table("ranking", _caption(evidence, bool(paper)), tuple(columns), tuple(rows))


def _caption(evidence: Evidence, published: bool) -> str:
    told = f"Report split, mean ± standard deviation over {len(evidence.seeds)} seeds, folds pooled."
    if len(evidence.seeds) == 1:
        told = "Report split, one seed, folds pooled."
    if evidence.verdicts:
        told += (
            " Intervals hold together at 95 %; a rank is every place that the pairs leave open; bold: can't "
            "be told from the best."
        )
    if published:
        told += " Published: the paper's single runs on these clips, with its own backbone; sources below."
    return told


def _rank(evidence: Evidence, place: int, label: str) -> Cell:
    ranks = evidence.verdicts.ranks if evidence.verdicts else {}
    first, last = ranks.get(label, (place, place))
    return Cell(str(first) if first == last else f"{first}{NOTHING}{last}")


def _against(evidence: Evidence, label: str, anchor: str, digits: int) -> list[Cell]:
    if label == anchor:
        return [Cell(NOTHING, ""), Cell(NOTHING, ""), Cell("reference")]
    known = evidence.against(label, anchor)
    if known is None:
        return [Cell(NOTHING, ""), Cell(NOTHING, ""), Cell("not judged")]
    low, high = (points(end, digits, sign=True) for end in (known.low, known.high))
    return [
        Cell(points(known.difference, digits, sign=True), known.difference),
        Cell(f"{low} to {high}", f"[{known.low}, {known.high}]"),
        Cell(known.word),
    ]


def _published(figure: Figure | None) -> Cell:
    return Cell(NOTHING, "") if figure is None else Cell(f"{figure.percent:.2f}", figure.percent / 100)


def _seeds_table(evidence: Evidence) -> Table:
    """What the dots of the figure are."""
    columns = [Column(evidence.compared, heads=True), Column("mean", number=True), Column("sd", number=True)]
    columns += [Column(f"seed {seed}", number=True) for seed in evidence.seeds]
    rows = []
    for head in evidence.heads:
        found = head.row.metrics[evidence.metric]
        by_seed = dict(zip(head.runs, found.values, strict=False))
        rows.append(
            (
                Cell(head.label),
                share(found.mean),
                share(found.std) if len(found.values) > 1 else Cell(NOTHING, ""),
                *(share(by_seed[s]) if s in by_seed else Cell(NOTHING, "") for s in evidence.seeds),
            )
        )
    return Table(
        "seeds", f"{evidence.metric_name} of every seed on the report split, %.", tuple(columns), tuple(rows)
    )


def _other_scores(evidence: Evidence, others: list[str]) -> Table:
    """The metrics that do not rank, and the last epoch's score."""
    columns = [Column(evidence.compared, heads=True)]
    columns += [Column(f"{SPOKEN[name]}, %", number=True) for name in others]
    kept = all(evidence.metric in head.row.last for head in evidence.heads)
    columns += [Column(f"{evidence.metric_name} of the last epoch, %", number=True)] if kept else []
    columns += [Column("seeds", number=True)]
    digits = decimals_of(evidence)
    rows = []
    for head in evidence.heads:
        spreads = [head.row.metrics[name] for name in others]
        spreads += [head.row.last[evidence.metric]] if kept else []
        rows.append(
            (
                Cell(head.label),
                *(spread(s.mean, s.std if len(s.values) > 1 else None, digits) for s in spreads),
                count(len(head.runs)),
            )
        )
    return Table(
        "scores", "The other scores of the report split; they do not rank.", tuple(columns), tuple(rows)
    )


def chosen_by(evidence: Evidence) -> Words:
    """How the epoch came about that every score is of."""
    return Words(
        f"Every score is of the epoch with the best {evidence.metric_name} on the selection split; the "
        "report split was judged once, with that epoch's weights and with the last one's.",
        "aside",
    )
