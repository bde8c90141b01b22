"""Carries out the plan of an experiment, ranks what came out, and judges it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fusionbench.bench.build import told_of_maps
from fusionbench.bench.claim import COMPARISON, IDENTITY_TAG, KIND_TAG, close_orphans, join
from fusionbench.bench.run import prepare_tracker
from fusionbench.bench.tracking import RunNotes, track
from fusionbench.catalog.plugins import Catalog, collect as collect_plugins
from fusionbench.contract.errors import FusionBenchError, UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.figures.files import FORMATS
from fusionbench.study.budgets import Budget, budgets
from fusionbench.study.collect import collect, costed
from fusionbench.study.comparison import CONDITIONAL, Comparison, TunedRows, comparison_figure
from fusionbench.study.execute import execute
from fusionbench.study.experiment import Experiment
from fusionbench.study.plan import Plan, plan
from fusionbench.study.tuned_rows import JUDGING, STUDIES_TAG, chosen_plan, search_rows
from fusionbench.track.runs import TrackedRun
from fusionbench.track.view import order_tag

if TYPE_CHECKING:
    from fusionbench.study.executors.cluster import Cluster

ASKED, COMPARED = "experiment.json", "comparison.json"
"""artifacts of a comparison: what was asked, and what came out"""


def compare(
    experiment: Experiment,
    workers: int = 1,
    watch: Watch | None = None,
    catalog: Catalog | None = None,
    cluster: Cluster | None = None,
) -> Comparison:
    """Run what is pending, rank what is finished; then tune every row with the same budget, where asked.

    One MLflow run holds the comparison; the runs it started lie beneath it. A
    member that fails is told with its reason and does not stop the others.

    Args:
        experiment: what to compare.
        workers: processes; their number changes the time it takes, not the figures.
        watch: told of progress over the whole.
        catalog: default all installed components; several workers always use those.
        cluster: whose nodes carry it out in place of workers.

    Raises:
        UserError: nothing of it could be run, or the rows are not on equal terms.
    """
    watch = watch or Watch()
    prepare_tracker()
    known = catalog or collect_plugins()
    made = plan(experiment, watch, known)
    asked = budgets(experiment, made, known)
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
    identity = _identity(experiment, made, asked)
    with (
        join(identity, COMPARISON) as held,
        track(_opened(experiment, identity, notes), held, watch) as tracked,
    ):
        tracked.log_json(_asked(experiment), ASKED)  # now: it tries the artifact store
        try:
            who = (workers, watch, catalog, cluster)
            results = execute(made.pending, made.members, made.data, tracked.run_id, *who)
            families = [(collect(experiment, made, results, tracked, notes), made)]
            searches, untuned = search_rows(asked, tracked.run_id, workers, watch, cluster)
            if asked:
                best = chosen_plan(experiment, asked, searches, untuned)
                results = execute(best.pending, best.members, best.data, tracked.run_id, *who, task=JUDGING)
                families.append((collect(experiment, best, results, tracked, notes), best))
        finally:
            close_orphans()  # the runs of workers that were killed
        default, *tuned = costed(families, held.finished, tracked, watch)
        if tuned:
            default = replace(default, tuned=TunedRows(tuned[0], tuple(searches)))
            tracked.set_tags({STUDIES_TAG: ", ".join(one.run_id for one in searches)})
        _log(default, tracked)
    if not default.runs and default.failed:
        raise FusionBenchError(f"every run failed. The first reason: {default.failed[0].reason}")
    return default


def _identity(experiment: Experiment, made: Plan, asked: Sequence[Budget]) -> str:
    """What is compared; with a budget, that and the searches too."""
    runs = sorted(set(made.folds.values()))
    if not asked:
        return digest(runs)
    studies = [b.design.identity(b.design.data(b.design.base)) for b in asked]
    return digest([runs, asked[0].design.total, studies])


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
            "fusionbench.varies": ", ".join(dict.fromkeys((*experiment.row_keys, *experiment.vary))),
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
        "rows": [dict(row) for row in experiment.rows],
        "tune": experiment.tuning.plain() if experiment.tuning else None,
        "terms": vars(experiment.terms),
    }


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
    said = [made.experiment.question] + ([made.verdicts.answer] if made.verdicts else [])
    if made.tuned and made.tuned.rows.ranking:
        rows = made.tuned.rows
        tracked.log_metrics({f"best_mean_tuned/{made.metric}": rows.ranking[0].score.mean})
        said += [f"Tuned: {rows.verdicts.answer} {CONDITIONAL}"] if rows.verdicts else []
    tracked.set_tags({"mlflow.note.content": "\n\n".join(said)})
