"""Carries out the plan of an experiment, ranks what came out, and judges it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.build import told_of_maps
from fusionbench.bench.claim import COMPARISON, IDENTITY_TAG, KIND_TAG, close_orphans, join
from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.bench.run import prepare_tracker
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import RunNotes, track
from fusionbench.catalog.plugins import Catalog
from fusionbench.contract.errors import FusionBenchError, UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.figures.files import FORMATS
from fusionbench.study.comparison import Comparison, comparison_figure
from fusionbench.study.equal_terms import refuse_unequal_results
from fusionbench.study.execute import execute
from fusionbench.study.experiment import Experiment, Member
from fusionbench.study.job import Job, Result
from fusionbench.study.judged_rows import framed, persons, scored
from fusionbench.study.plan import Absent, Plan, plan
from fusionbench.study.ranking import Row, rank
from fusionbench.study.row_costs import COSTS, kept_or_measured
from fusionbench.study.verdict import Verdicts, judge_rows
from fusionbench.track.runs import TrackedRun
from fusionbench.track.view import order_tag

ASKED, COMPARED = "experiment.json", "comparison.json"
"""artifacts of a comparison: what was asked, and what came out"""


def compare(
    experiment: Experiment, workers: int = 1, watch: Watch | None = None, catalog: Catalog | None = None
) -> Comparison:
    """Run what is pending, rank what is finished.

    One MLflow run holds the comparison; the runs it started lie beneath it. A
    member that fails is told with its reason and does not stop the others.

    Args:
        experiment: what to compare.
        workers: processes; their number changes the time it takes, not the figures.
        watch: told of progress over the whole.
        catalog: default all installed components; several workers always use those.

    Raises:
        UserError: nothing of it could be run, or the rows are not on equal terms.
    """
    watch = watch or Watch()
    prepare_tracker()
    made = plan(experiment, watch, catalog)
    first = next((k for k, read in enumerate(made.data) if read), None)
    if first is None:
        raise UserError(
            f"nothing of {experiment.name!r} can be run. The first reason: {made.skipped[0].reason}"
        )
    for line in _told_of_maps(made):
        watch.note(line)
    read = made.data[first]
    assert read is not None
    notes = RunNotes.of(made.members[first].config, read)
    identity = digest(sorted(set(made.folds.values())))
    with (
        join(identity, COMPARISON) as held,
        track(_opened(experiment, identity, notes), held, watch) as tracked,
    ):
        tracked.log_json(_asked(experiment), ASKED)  # now: it tries the artifact store
        try:
            results = execute(made.pending, made.members, made.data, tracked.run_id, workers, watch, catalog)
        finally:
            close_orphans()  # the runs of workers that were killed
        comparison_made = _collect(experiment, made, results, tracked, notes)
        comparison_made = _costed(comparison_made, made, held.finished, tracked, watch)
        _log(comparison_made, tracked)
    if not comparison_made.runs and comparison_made.failed:
        raise FusionBenchError(f"every run failed. The first reason: {comparison_made.failed[0].reason}")
    return comparison_made


def _told_of_maps(made: Plan) -> list[str]:
    """Each line once, however many runs it is true of."""
    known = [(m.config, data) for m, data in zip(made.members, made.data, strict=True) if data]
    return list(dict.fromkeys(line for config, data in known for line in told_of_maps(config, data)))


def _opened(experiment: Experiment, identity: str, notes: RunNotes) -> dict[str, Any]:
    """The comparison's MLflow run; its name and wording are no part of what it is, so they are tags."""
    return {
        "experiment": notes.experiment,
        "name": f"compare {experiment.name}",
        "params": {},
        "tags": {
            **notes.tags,
            IDENTITY_TAG: identity,
            KIND_TAG: COMPARISON,
            "fusionbench.experiment": experiment.name,
            "fusionbench.varies": ", ".join(experiment.vary),
            "mlflow.runName": f"compare {experiment.name}",
            "mlflow.note.content": experiment.question,
        },
    }


def _asked(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "question": experiment.question,
        "base": dict(experiment.base),
        "vary": {key: list(values) for key, values in experiment.vary.items()},
        "terms": vars(experiment.terms),
    }


def _collect(
    experiment: Experiment, made: Plan, results: Mapping[Job, Result], tracked: TrackedRun, notes: RunNotes
) -> Comparison:
    """Stored and fresh folds to outcomes, outcomes to a ranking."""
    folds: dict[int, list[FoldOutcome]] = defaultdict(list)
    skipped, failed = list(made.skipped), list[Absent]()
    for (k, name), identity in made.folds.items():
        result = results.get(Job(k, name))
        if result is None:
            folds[k].append(read_fold(made.finished[identity]))
        elif result.outcome is not None:
            folds[k].append(result.outcome)
        else:
            member = made.members[k]
            absent = Absent(member.label, member.seed, result.reason)
            (skipped if result.unsupported else failed).append(absent)
    broken = {(a.label, a.seed) for a in (*skipped, *failed)}
    runs = []
    for k, member in enumerate(made.members):
        read = made.data[k]
        if read and folds[k] and (member.label, member.seed) not in broken:
            runs.append((member, _outcome(member, read, folds[k])))
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
        reused=sum(fold.reused for found in folds.values() for fold in found),
        verdicts=_verdicts(experiment, made, ranking, runs),
    )


def _costed(
    comparison: Comparison, made: Plan, earlier: str | None, tracked: TrackedRun, watch: Watch
) -> Comparison:
    """The rows with costs that were measured side by side, not by workers beside each other."""
    rows, keys = {}, {}
    for k, (member, data) in enumerate(zip(made.members, made.data, strict=True)):
        ran = next((outcome for m, outcome in comparison.runs if m is member), None)
        if data is not None and ran is not None and member.label not in rows:
            rows[member.label] = member.config, data
            keys[member.label] = made.folds[k, ran.folds[0].fold]
    costs = kept_or_measured(rows, keys, earlier, watch)
    tracked.log_json({keys[label]: vars(cost) for label, cost in costs.items()}, COSTS)
    ranking = [replace(row, **vars(costs[row.label])) for row in comparison.ranking]
    return replace(comparison, ranking=ranking)


def _verdicts(
    experiment: Experiment, made: Plan, ranking: Sequence[Row], runs: Sequence[tuple[Member, Outcome]]
) -> Verdicts | None:
    """Judged by pairs where all rows are of the same clips; refused where they differ undeclared."""
    if len(ranking) < 2 or experiment.varies_data:
        return None
    refuse_unequal_results(runs)
    read = next(read for read in made.data if read)
    rows = scored([row.label for row in ranking], runs)
    return judge_rows(
        rows, persons(rows, framed(runs[0][1])), read.classes, experiment.terms, runs[0][1].judging
    )


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


def _log(made: Comparison, tracked: TrackedRun) -> None:
    tracked.log_json(made.plain(), COMPARED)
    if not made.ranking:
        return
    table: dict[str, list[Any]] = defaultdict(list)
    for place, row in enumerate(made.ranking, 1):
        table["place"].append(place)
        table["compared"].append(row.label)
        for name, spread in row.metrics.items():
            table[name].append(round(spread.mean, 4))
            table[f"{name} std"].append(round(spread.std, 4))
        table["params"].append(row.params)
        table["ms per clip"].append(round(row.ms_per_clip, 3))
        table["flops per clip"].append(row.flops)
    tracked.log_table(table, "ranking.json")
    tracked.log_figure(lambda: comparison_figure(made), *(f"comparison.{form}" for form in FORMATS))
    best = made.ranking[0]
    mean = best.score.mean
    tracked.log_metrics({f"best_mean/{made.metric}": mean, f"chance/{made.metric}": best.chance})
    tracked.set_tags(order_tag(COMPARISON, mean))
    if made.verdicts:
        tracked.set_tags({"mlflow.note.content": f"{made.experiment.question}\n\n{made.verdicts.answer}"})
