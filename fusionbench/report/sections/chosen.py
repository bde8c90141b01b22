"""What a study chose, on top, and what must be known before its scores are believed."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.bench.parts import LEAK
from fusionbench.contract.judging import SPOKEN
from fusionbench.report.decimals import NOTHING, points, spread
from fusionbench.report.document import Block, Cell, Column, Points, Section, Table, Words
from fusionbench.report.parts_caption import parts_caption
from fusionbench.report.study_words import counted, option_text
from fusionbench.study.ranking import Spread
from fusionbench.study.tuned import FoldSearch, Tuned


def chosen(made: Tuned) -> Section:
    """One sentence of the choice, its scores on both splits, and every caution."""
    blocks: list[Block] = [Words(_answer(made), "answer"), Words(_how(made), "aside")]
    blocks += [Words(line, "caution") for line in cautions(made)]
    return Section("answer", "Answer", (*blocks, _scores(made), Points(tuple(notes(made)))))


def study_subtitle(made: Tuned) -> str:
    """What was searched, in a line."""
    parts = parts_caption(made.outcomes)
    sizes = f"; {parts[0]}" if parts else ""
    trials = counted(made.trials, "trial")
    return f"{made.mlflow_experiment}: {trials}{sizes}. Study {made.study}, MLflow run {made.run_id}."


def _answer(made: Tuned) -> str:
    metric = SPOKEN[made.metric]
    if len(made.folds) == 1:
        (fold,) = made.folds
        values = made.values(fold.chosen.trial)
        what = " and ".join(f"{key} = {option_text(value)}" for key, value in values.items())
        said = f"{what} was chosen from {counted(len(fold.finished), 'configuration')}"
    else:
        said = f"Each of {len(made.folds)} folds chose a configuration of its own"
    report = made.report
    if report is None:
        return f"{said}. It was not judged on the report split."
    pooled = "" if len(made.folds) == 1 else ", folds pooled"
    return f"{said}. On the report split, judged once, its {metric} is {points(report.mean)} %{pooled}."


def _how(made: Tuned) -> str:
    seeds = counted(len(made.design.seeds), "seed")
    said = f"Trials are scored on the selection split alone, by {SPOKEN[made.metric]} with {seeds} each; "
    fresh = made.folds[0].confirmations
    if not fresh:
        return f"{said}the best score names the winner."
    again = counted(len(next(iter(fresh.values())).values), "fresh seed")
    return f"{said}the best {len(fresh)} were trained again with {again} each, and those name the winner."


def cautions(made: Tuned) -> list[str]:
    """What a reader of the scores must not overlook."""
    told = [f"{line[0].upper()}{line[1:]}." for line in parts_caption(made.outcomes) if line.startswith(LEAK)]
    if made.report is not None and len(made.report.values) == 1:
        told.append("One seed on the report split: this speaks of these weights, not of the method.")
    states = [trial.state for fold in made.folds for trial in fold.trials]
    if failed := states.count("failed"):
        told.append(f"{counted(failed, 'trial')} failed; see what is missing below.")
    return told


def notes(made: Tuned) -> list[str]:
    """How far choosing flatters, in words; the gap from selection to report among them."""
    told = ["The selection score is the best of many, so it flatters."]
    if made.confirmed is not None:
        told.append("Fresh seeds take away the luck of seeds, not that of the selection clips.")
    if made.gap is not None:
        told.append(f"From selection to report: {points(made.gap, sign=True)} points.")
    if len(made.design.seeds) == 1:
        told.append("One seed a trial: trials also differ by the luck of that seed.")
    told.append("No test says that what was chosen is better than the others; a comparison of them would.")
    return told


def _scores(made: Tuned) -> Table:
    columns = (
        Column("fold", heads=True),
        *(Column(key, number=True) for key in made.design.space.keys),
        Column("trial", number=True),
        Column("selection, %", number=True),
        Column("fresh seeds, %", number=True),
        Column("report, %", number=True),
        Column("chance, %", number=True),
    )
    rows = [_row(made, fold) for fold in made.folds]
    if len(made.folds) > 1:
        blank = [Cell("")] * (len(made.design.space.keys) + 1)
        mean = [
            spread(made.score, None),
            Cell(NOTHING, "") if made.confirmed is None else spread(made.confirmed, None),
        ]
        rows.append((Cell("all"), *blank, *mean, *_judged(made.report, made.chance)))
    words = f"The chosen configuration: {SPOKEN[made.metric]}, ± standard deviation over seeds."
    return Table("chosen", words, columns, tuple(rows))


def _row(made: Tuned, fold: FoldSearch) -> tuple[Cell, ...]:
    trial, confirmed = fold.chosen.trial, fold.chosen.confirmed
    found = [one for outcome in made.outcomes for one in outcome.folds if one.fold == fold.fold]
    scores = [one.metrics[f"report/{made.metric}"] for one in found]
    judged = _judged(Spread.of(scores) if scores else None, found[0].chance if found else None)
    values = made.values(trial).values()
    return (
        Cell(fold.fold),
        *(Cell(option_text(value), value if isinstance(value, (int, float)) else None) for value in values),
        Cell(str(trial.number), trial.number),
        over_seeds(trial.scores),
        over_seeds(confirmed.values if confirmed else ()),
        *judged,
    )


def _judged(report: Spread | None, chance: float | None) -> tuple[Cell, Cell]:
    return (
        over_seeds(report.values if report else ()),
        Cell(NOTHING, "") if chance is None else spread(chance, None),
    )


def over_seeds(scores: Sequence[float], *, strong: bool = False) -> Cell:
    """A mean with its deviation over seeds, where there are several; a dash where there is none."""
    if not scores:
        return Cell(NOTHING, "")
    found = Spread.of(scores)
    return spread(found.mean, found.std if len(scores) > 1 else None, strong=strong)
