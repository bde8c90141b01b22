"""The tuned rows: default beside tuned, what every search tried and took, the second family's verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fusionbench.figures.dumbbells import Moved, dumbbells
from fusionbench.figures.seed_curves import Learned, seed_curves
from fusionbench.report.budget_table import chosen_in_words, in_words
from fusionbench.report.decimals import NOTHING, count, points, share
from fusionbench.report.document import Block, Cell, Column, Folded, Picture, Points, Section, Table, Words
from fusionbench.report.durations import duration
from fusionbench.report.evidence import Evidence
from fusionbench.report.sections.absent import absent
from fusionbench.report.sections.learning import selection
from fusionbench.report.sections.pairs import pairs, ranks
from fusionbench.report.sections.ranked import ranked
from fusionbench.study.comparison import CONDITIONAL, TunedRows


def _rest_of_ranking(evidence: Evidence) -> Section:
    """The figure and the other scores; the table stands open."""
    whole = ranked(evidence)
    return replace(whole, title="Seeds and other scores", blocks=whole.blocks[1:])


_FAMILY: tuple[Callable[[Evidence], Section | None], ...] = (_rest_of_ranking, pairs, ranks, selection)
"""what is folded away of the second family; its ranking stands open"""


def tuned(evidence: Evidence) -> Section | None:
    """Both families side by side; None where rows were not tuned."""
    made = evidence.made.tuned
    if made is None:
        return None
    rows = made.rows
    blocks: list[Block] = [
        Words(rows.verdicts.answer if rows.verdicts else rows.no_verdict, "answer"),
        Words(CONDITIONAL, "caution"),
        _beside(evidence, made),
    ]
    told = tuple(f"{one.label}: {line}" for one in made.searches for line in one.told)
    blocks += [Points(told)] if told else []
    blocks += [_searches(evidence, made), *_expected(evidence, made)]
    second = Evidence.of(rows)
    if second.heads:
        blocks += map(_renamed, ranked(second).blocks[:1])
        for make in _FAMILY:
            section = make(second)
            if section is not None:
                summary = f"{section.title} of the tuned rows"
                blocks.append(Folded(summary, tuple(map(_renamed, section.blocks))))
    if rows.skipped or rows.failed:
        blocks += map(_renamed, absent(second).blocks)
    return Section("tuned", "Tuned with equal budgets", tuple(blocks))


def _renamed(block: Block) -> Block:
    """A table or figure of the second family, under a name of its own."""
    if isinstance(block, Table):
        return replace(block, name=f"tuned-{block.name}", caption=f"Tuned rows. {block.caption}")
    if isinstance(block, Picture):
        return replace(
            block,
            name=f"tuned-{block.name}",
            caption=f"Tuned rows. {block.caption}",
            numbers=replace(block.numbers, name=f"tuned-{block.numbers.name}"),
        )
    return block


def _beside(evidence: Evidence, made: TunedRows) -> Block:
    """Default to tuned on the report split."""
    metric, default = evidence.metric, {head.label: head.row for head in evidence.heads}
    rows, moved = [], []
    for row in made.rows.ranking:
        after, one = row.metrics[metric].mean, made.search(row.label)
        before = default[row.label].metrics[metric].mean if row.label in default else None
        gain = (NOTHING, "") if before is None else (points(after - before, sign=True), after - before)
        rows.append(
            (
                Cell(row.label),
                Cell(NOTHING, "") if one.default_score is None else share(one.default_score),
                share(one.score),
                Cell(NOTHING, "") if before is None else share(before),
                share(after),
                Cell(*gain),
                Cell(chosen_in_words(one).replace("\n", "; ")),
            )
        )
        moved += [] if before is None else [Moved(row.label, before, after)]
    columns = (
        Column(evidence.compared, heads=True),
        Column("selection: default, %", number=True),
        Column("selection: chosen, %", number=True),
        Column("report: default, %", number=True),
        Column("report: tuned, %", number=True),
        Column("gain on report, points", number=True),
        Column("chosen"),
    )
    table = Table(
        "default-and-tuned",
        "Selection: with the seeds of a trial; the best of all tried flatters. Report: mean over seeds, "
        "judged once a run. The gain is no verdict: the two families are not judged against each other.",
        columns,
        tuple(rows),
    )
    if not moved:
        return table
    best = max(moved, key=lambda one: one.tuned - one.default)
    return Picture(
        "default-and-tuned",
        f"{evidence.score} on the report split, default and tuned.",
        f"Two joined dots for each of {len(moved)} rows; {best.name} gains most, "
        f"{points(best.tuned - best.default, sign=True)} points.",
        lambda: dumbbells(
            moved,
            metric=evidence.metric_name,
            chance=evidence.best.row.chance,
            stand_in=evidence.made.stand_in,
        ),
        table,
    )


def _searches(evidence: Evidence, made: TunedRows) -> Table:
    """What every row was searched over, how often, how long."""
    columns = (
        Column(evidence.compared, heads=True),
        Column("configurations", number=True),
        Column("budget", number=True),
        Column("seeds each", number=True),
        Column("training time", number=True),
        Column("searched"),
        Column("study"),
    )
    rows = tuple(
        (
            Cell(one.label),
            count(one.tried),
            count(one.budget),
            count(one.seeds),
            Cell(duration(one.seconds), one.seconds),
            Cell(in_words(one.space)),
            Cell(one.study),
        )
        for one in made.searches
    )
    sampler = made.searches[0].sampler if made.searches else ""
    return Table(
        "searches",
        f"Every row's search, sampler {sampler}, the default first; time is that of training steps, alone or "
        "beside other work.",
        columns,
        rows,
    )


def _expected(evidence: Evidence, made: TunedRows) -> list[Block]:
    """Best after k, where the trials were independent draws."""
    curves = {one.label: one.best_after for one in made.searches if one.best_after}
    if not curves:
        return [
            Words(
                "No curve of the best after k configurations: it holds for independent random draws, of a "
                "default that finished.",
                "aside",
            )
        ]
    longest = max(map(len, curves.values()))
    columns = (
        Column(evidence.compared, heads=True),
        *(Column(str(k), number=True) for k in range(1, longest + 1)),
    )
    rows = tuple(
        (Cell(label), *(share(curve[k]) if k < len(curve) else Cell(NOTHING, "") for k in range(longest)))
        for label, curve in curves.items()
    )
    caption = (
        f"{evidence.score} on the selection split to expect of the best of k configurations: the default and "
        "k − 1 random ones, the mean over all such sets of what was tried."
    )
    numbers = Table("best-after", caption, columns, rows)
    lines = [Learned(label, [curve], [0]) for label, curve in curves.items()]
    return [
        Picture(
            "best-after",
            caption,
            f"One rising line for each of {len(lines)} rows, from its default's score to that of the best "
            f"of {longest}.",
            lambda: seed_curves(
                lines,
                metric=evidence.metric_name,
                words="on the selection split to expect of the best of so many configurations, the default "
                "among them",
                stand_in=evidence.made.stand_in,
            ),
            numbers,
        )
    ]
