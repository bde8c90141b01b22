"""Runs that have ended to one family of a comparison: outcomes, ranking, costs, verdicts, what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import RunNotes
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.study.comparison import Comparison
from fusionbench.study.equal_terms import refuse_unequal_results
from fusionbench.study.experiment import Experiment, Member
from fusionbench.study.job import Job, Result
from fusionbench.study.judged_rows import framed, persons, scored
from fusionbench.study.plan import Absent, Plan
from fusionbench.study.ranking import Row, rank
from fusionbench.study.row_costs import COSTS, kept_or_measured
from fusionbench.study.verdict import Verdicts, judge_rows
from fusionbench.track.runs import TrackedRun


def collect(
    experiment: Experiment, made: Plan, results: Mapping[Job, Result], tracked: TrackedRun, notes: RunNotes
) -> Comparison:
    """Stored and fresh folds to outcomes, outcomes to a ranking.

    A seed of a row is one run, of several folds too, where each has a configuration of its own.

    Raises:
        UserError: what came out is not on equal terms.
    """
    folds: dict[tuple[str, int], dict[str, FoldOutcome]] = defaultdict(dict)
    skipped, failed = list(made.skipped), list[Absent]()
    for (k, name), identity in made.folds.items():
        result, member = results.get(Job(k, name)), made.members[k]
        if result is None:
            folds[member.label, member.seed][name] = read_fold(made.finished[identity])
        elif result.outcome is not None:
            folds[member.label, member.seed][name] = result.outcome
        else:
            absent = Absent(member.label, member.seed, result.reason)
            (skipped if result.unsupported else failed).append(absent)
    broken = {(a.label, a.seed) for a in (*skipped, *failed)}
    runs = []
    for (label, seed), k in made.firsts.items():
        member, read, found = made.members[k], made.data[k], folds[label, seed]
        if read and found and (label, seed) not in broken:
            runs.append((member, _outcome(member, read, list(found.values()))))
    by_label: dict[str, list[Outcome]] = defaultdict(list)
    for member, outcome in runs:
        by_label[member.label].append(outcome)
    values = {m.label: dict(zip(experiment.row_keys, m.row, strict=False)) for m in made.members}
    ranking = rank(by_label, values)
    return Comparison(
        experiment=experiment,
        run_id=tracked.run_id,
        mlflow_experiment=notes.experiment,
        mlflow_experiment_id=tracked.experiment_id,
        stand_in=notes.tags["fusionbench.stand_in"] == "true",
        ranking=ranking,
        runs=runs,
        skipped=skipped,
        failed=failed,
        reused=sum(fold.reused for found in folds.values() for fold in found.values()),
        verdicts=_verdicts(experiment, made, ranking, runs),
    )


def costed(
    families: Sequence[tuple[Comparison, Plan]], earlier: str | None, tracked: TrackedRun, watch: Watch
) -> list[Comparison]:
    """The rows with costs that were measured side by side, not by workers beside each other.

    Args:
        families: each with its plan; a configuration that stands in two of them is measured once.
        earlier: MLflow run of the comparison where it was finished before.
        tracked: that of now.
        watch: told of progress.
    """
    first: dict[str, tuple[RunConfig, RunData]] = {}
    keys: list[dict[str, str]] = []
    for comparison, made in families:
        keys.append({})
        for slot, outcome in comparison.runs:
            k, identity = made.firsts[slot.label, slot.seed], outcome.folds[0].identity
            data = made.data[k]
            if data is not None and slot.label not in keys[-1]:
                keys[-1][slot.label] = identity
                first.setdefault(identity, (made.members[k].config, data))
    costs = kept_or_measured(first, {key: key for key in first}, earlier, watch)
    tracked.log_json({key: cost.plain() for key, cost in costs.items()}, COSTS)
    return [
        replace(
            comparison,
            ranking=[replace(row, **costs[mine[row.label]].plain()) for row in comparison.ranking],
        )
        for (comparison, _), mine in zip(families, keys, strict=True)
    ]


def _verdicts(
    experiment: Experiment, made: Plan, ranking: Sequence[Row], runs: Sequence[tuple[Member, Outcome]]
) -> Verdicts | None:
    """Judged by pairs where all rows are of the same clips; refused where they differ undeclared."""
    if len(ranking) < 2 or experiment.varies_data:
        return None
    refuse_unequal_results(runs)
    read = next(read for read in made.data if read)
    rows = scored([row.label for row in ranking], runs)
    subjects = persons(rows, framed(runs[0][1]))
    return judge_rows(rows, subjects, read.classes, experiment.terms, runs[0][1].judging)


def _outcome(member: Member, data: RunData, folds: list[FoldOutcome]) -> Outcome:
    notes = RunNotes.of(member.config, data)
    return Outcome(
        name=notes.name,
        run_id=folds[0].run_id,
        experiment=notes.experiment,
        config=member.config.plain(),
        identity=folds[0].identity if len(folds) == 1 else digest([f.identity for f in folds]),
        stand_in=data.stand_in,
        folds=folds,
        skipped=[dict(s) for s in data.skipped],
    )
