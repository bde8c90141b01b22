"""The reproducibility checklist: every answer is read from the runs, none is typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusionbench.catalog.run_config import flatten
from fusionbench.report.costs import costs_of
from fusionbench.report.decimals import margin_of
from fusionbench.report.document import Block, Cell, Code, Column, Folded, Section, Table
from fusionbench.report.durations import duration
from fusionbench.report.evidence import Evidence, Head
from fusionbench.report.parts_caption import parts_caption
from fusionbench.report.sections.absent import skipped_clips

NOT_KEPT = "not kept by these runs"


def checklist(evidence: Evidence, made_with: Mapping[str, Sequence[str]]) -> Section:
    """What a reviewer asks for, one line each.

    Args:
        evidence: the comparison.
        made_with: what ran, such as ``torch`` -> its versions over all runs.
    """
    made = evidence.made
    shared, varied = _configuration(evidence)
    lines = {
        "question": made.experiment.question,
        "runs": _runs(evidence),
        "clips": "; ".join(parts_caption([outcome for _, outcome in made.runs])) or NOT_KEPT,
        "left out": _left_out(evidence),
        "compared": _compared(evidence),
        "configuration": f"{len(shared)} options are the same in every run, {len(varied)} differ; both below",
        "searched": _searched(evidence),
        "epoch chosen by": f"best {evidence.metric_name} on the selection split; of equals the lower loss",
        "chosen epochs": _chosen(evidence),
        "selection scores": "one beside each report score, under Selection against report",
        "report split": "judged once a run, with the chosen epoch's weights and with the last one's",
        "verdicts": _verdicts(evidence),
        "± in tables": "standard deviation over seeds (n - 1) of scores on the same clips, folds pooled",
        "intervals": _intervals(evidence),
        "bars in figures": "± standard deviation over seeds; of differences, their intervals",
        "training time": _time(evidence),
        "costs": "; ".join(_range(evidence, cost) for cost in costs_of(evidence.heads)) or NOT_KEPT,
        **environment(made_with),
    }
    columns = (Column("asked", heads=True), Column("answer"))
    rows = tuple((Cell(asked), Cell(told)) for asked, told in lines.items())
    blocks: list[Block] = [Table("checklist", "Filled in from the runs themselves.", columns, rows)]
    listed = "\n".join(f"{key}: {_shown(value)}" for key, value in shared.items())
    blocks.append(
        Folded(
            f"The {len(shared)} options that all runs share",
            (Code(listed, "options that all runs share"),),
        )
    )
    if varied:
        blocks.append(Folded(f"The {len(varied)} options that differ", (_differing(evidence, varied),)))
    return Section("checklist", "Reproducibility checklist", tuple(blocks))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _runs(evidence: Evidence) -> str:
    made = evidence.made
    planned = len(made.runs) + len(made.skipped) + len(made.failed)
    seeds = ", ".join(map(str, evidence.seeds))
    return (
        f"{len(made.runs)} of {planned} planned have figures: {_counted(len(evidence.heads), 'row')}, seeds "
        f"{seeds}; {len(made.skipped)} skipped, {len(made.failed)} failed"
    )


def _left_out(evidence: Evidence) -> str:
    clips = skipped_clips(evidence)
    return f"{_counted(len(clips), 'clip')}, listed with reasons above" if clips else "no clip"


def _compared(evidence: Evidence) -> str:
    return f"{evidence.compared}; everything else is held equal and refused where it is not"


def _searched(evidence: Evidence) -> str:
    swept = evidence.made.experiment.swept_options
    if swept:
        return f"{', '.join(swept)}: every value is a row, so the best row is chosen on the report split"
    return "nothing by this comparison: each row has one configuration"


def _chosen(evidence: Evidence) -> str:
    folds = [fold for head in evidence.heads for fold in head.folds]
    epochs = [fold.selected_epoch for fold in folds]
    trained = sorted({fold.epochs or len(fold.history) for fold in folds} - {0})
    of = f" of {' or '.join(map(str, trained))}" if trained else ""
    return f"{min(epochs)} to {max(epochs)}{of}"


def _verdicts(evidence: Evidence) -> str:
    verdicts = evidence.verdicts
    if verdicts is None:
        return evidence.made.no_verdict
    family = "all pairs" if verdicts.terms.family == "all" else f"all against {verdicts.terms.against}"
    return (
        f"family declared in the experiment: {family}, {len(verdicts.pairs)}; Holm at .05; equivalence by "
        f"two one-sided tests within {margin_of(verdicts.terms.margin)}"
    )


def _intervals(evidence: Evidence) -> str:
    verdicts = evidence.verdicts
    if verdicts is None:
        return "none"
    return (
        f"95 % together, of the mean difference, over seeds and {verdicts.groups} at once: two-way clustered "
        "variance, Student's t with Satterthwaite's degrees of freedom, Bonferroni's level moved by Holm"
    )


def _time(evidence: Evidence) -> str:
    folds = [fold for head in evidence.heads for fold in head.folds]
    seconds = 0.0
    for fold in folds:
        timed = [epoch["seconds"] for epoch in fold.history if "seconds" in epoch]
        mean = fold.cost.get("train_s_per_epoch", 0.0)
        seconds += sum(timed) if timed else mean * fold.epochs
    if not seconds:
        return NOT_KEPT
    return f"{duration(seconds)} of training steps over {_counted(len(folds), 'run')}, judging left out"


def _range(evidence: Evidence, cost: Any) -> str:
    cells = sorted((cost.of(head), cost.cell(head).text) for head in evidence.heads)
    low, high = cells[0][1], cells[-1][1]
    return f"{cost.name}: {low if low == high else f'{low} to {high}'}"


def environment(made_with: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What ran, one line each."""
    return {name: "; ".join(values) for name, values in made_with.items()} or {"versions": NOT_KEPT}


def _configuration(evidence: Evidence) -> tuple[dict[str, Any], list[str]]:
    """Options that all runs share, and the names of those that differ, seeds and the order of runs aside."""
    flats = [_flat(head) for head in evidence.heads]
    every = sorted({key for flat in flats for key in flat} - {"seed"})
    absent = object()
    shared = {
        key: flats[0][key]
        for key in every
        if all(flat.get(key, absent) == flats[0].get(key, absent) for flat in flats)
    }
    return shared, [key for key in every if key not in shared]


def _flat(head: Head) -> dict[str, Any]:
    return flatten(next(iter(head.runs.values())).config)


def _differing(evidence: Evidence, varied: list[str]) -> Table:
    columns = (Column(evidence.compared, heads=True), Column("options that are not the same everywhere"))
    rows = []
    for head in evidence.heads:
        flat = _flat(head)
        told = ", ".join(f"{key} = {_shown(flat[key])}" for key in varied if key in flat)
        rows.append((Cell(head.label), Cell(told)))
    return Table("options", "Options of each row that others lack or have otherwise.", columns, tuple(rows))


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
