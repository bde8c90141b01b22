"""Pair by pair: differences with what could have been found at all, and the ranks they leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fusionbench.figures.differences import MOST, PairDifference, differences
from fusionbench.figures.ranks import rank_intervals
from fusionbench.report.decimals import count, margin_of, points, probability, warranted
from fusionbench.report.document import Block, Cell, Column, Picture, Section, Table, Words
from fusionbench.report.evidence import Against, Evidence

if TYPE_CHECKING:
    from fusionbench.study.verdict import Pair, Verdicts

_KNOWN: dict[str, Literal["told", "equivalent", "unknown"]] = {
    "a": "told",
    "b": "told",
    "equivalent": "equivalent",
    "unknown": "unknown",
}


def pairs(evidence: Evidence) -> Section | None:
    """Every pair that was judged; None where there is none."""
    verdicts = evidence.verdicts
    if verdicts is None or not verdicts.pairs:
        return None
    drawn, left_out = _drawn(evidence, verdicts)
    told = sum(pair.verdict in ("a", "b") for pair in verdicts.pairs)
    equal = sum(pair.verdict == "equivalent" for pair in verdicts.pairs)
    total = len(verdicts.pairs)
    summary = f"{told} of {total} told apart, {equal} equivalent, {total - told - equal} can't be told."
    picture = Picture(
        "differences",
        f"Differences in {evidence.metric_name}, A less B, with the intervals of the whole family; in the "
        f"grey band lie differences that 80 % of such comparisons would not find.{left_out}",
        f"Forest plot of {len(drawn)} pairs: {summary}",
        lambda: differences(
            [
                PairDifference(f"{p.a} − {p.b}", p.difference, p.low, p.high, p.mdd, _KNOWN[p.verdict])
                for p in drawn
            ],
            metric=evidence.metric_name,
            margin=verdicts.terms.margin,
            stand_in=evidence.made.stand_in,
        ),
        _table(evidence, verdicts),
    )
    blocks: list[Block] = [Words(f"Of the pairs, {summary}"), picture]
    return Section("differences", "Differences", tuple(blocks))


def ranks(evidence: Evidence) -> Section | None:
    """The places that the verdicts leave open; None where nothing was judged."""
    verdicts = evidence.verdicts
    if verdicts is None or not verdicts.pairs:
        return None
    order = [head.label for head in evidence.heads if head.label in verdicts.ranks]
    places = [verdicts.ranks[label] for label in order]
    columns = (
        Column(evidence.compared, heads=True),
        Column("first", number=True),
        Column("last", number=True),
    )
    rows = tuple(
        (Cell(label), Cell(str(a), a), Cell(str(b), b)) for label, (a, b) in zip(order, places, strict=True)
    )
    fixed = [label for label, (first, last) in zip(order, places, strict=True) if first == last]
    said = f"{len(fixed)} of {len(order)} rows have one place" if fixed else "no row has a place of its own"
    picture = Picture(
        "ranks",
        "A row stands behind all that are shown to be better and before all it is shown to be better than.",
        f"Bars of the ranks that {len(order)} rows may have; {said}.",
        lambda: rank_intervals(order, places, stand_in=evidence.made.stand_in),
        Table("ranks", "First and last rank of each row.", columns, rows),
    )
    return Section("ranks", "Ranks", (picture,))


def _drawn(evidence: Evidence, verdicts: Verdicts) -> tuple[list[Pair], str]:
    """As many pairs as a page holds: all, else those of the row that differences are to."""
    if len(verdicts.pairs) <= MOST:
        return list(verdicts.pairs), ""
    anchor = evidence.anchor
    mine = [pair for pair in verdicts.pairs if anchor in (pair.a, pair.b)][:MOST]
    return mine, f" Drawn are the {len(mine)} pairs of {anchor}; the numbers hold all {len(verdicts.pairs)}."


def _table(evidence: Evidence, verdicts: Verdicts) -> Table:
    digits = warranted(100 * (pair.high - pair.low) / 2 for pair in verdicts.pairs)
    columns = (
        Column("A", heads=True),
        Column("B"),
        Column("A less B, points", number=True),
        Column("low", number=True),
        Column("high", number=True),
        Column("could be found", number=True),
        Column("seeds", number=True),
        Column("df", number=True),
        Column("p (Holm)", number=True),
        Column("p of a margin", number=True),
        Column("A is"),
    )
    rows = []
    for pair in verdicts.pairs:
        ends = (pair.difference, pair.low, pair.high)
        rows.append(
            (
                Cell(pair.a, strong=pair.verdict == "a"),
                Cell(pair.b, strong=pair.verdict == "b"),
                *(Cell(points(end, digits, sign=True), end) for end in ends),
                Cell(points(pair.mdd, digits), pair.mdd),
                count(len(pair.seeds)),
                Cell(f"{pair.df:.1f}", pair.df),
                probability(pair.p_holm),
                probability(pair.p_equivalence),
                Cell(Against.of(pair, pair.a).word),
            )
        )
    caption = (
        f"Differences in {evidence.metric_name}; intervals hold together at 95 %; could be found: smallest "
        "difference that 80 % of such comparisons of one pair would find; p of a margin: of a difference of "
        f"{margin_of(verdicts.terms.margin)} or more, both adjusted by Holm over "
        f"{len(verdicts.pairs)} pairs."
    )
    return Table("pairs", caption, columns, tuple(rows), shown=200)
