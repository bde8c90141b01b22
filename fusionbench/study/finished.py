"""A finished comparison read back from MLflow: found by name or id, rebuilt from what its runs keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.claim import COMPARISON, KIND_TAG
from fusionbench.bench.outcome import Outcome
from fusionbench.contract.errors import UserError, unknown
from fusionbench.study.compare import ASKED, COMPARED
from fusionbench.study.comparison import Comparison
from fusionbench.study.experiment import Experiment, Slot
from fusionbench.study.judged_rows import framed, persons, scored
from fusionbench.study.plan import Absent
from fusionbench.study.ranking import Row, rank
from fusionbench.study.row_costs import COSTS
from fusionbench.study.terms import Terms
from fusionbench.study.verdict import judge_rows
from fusionbench.track.records import RunRecord, find_runs, get_run, read_json

NAME_TAG = "fusionbench.experiment"


def find_comparisons(name: str) -> list[RunRecord]:
    """Finished comparisons of an experiment's name, the newest first.

    Raises:
        UserError: there is none; the nearest name is offered.
    """
    every = find_runs(tags={KIND_TAG: COMPARISON}, status="FINISHED")
    found = [record for record in every if record.tags.get(NAME_TAG) == name]
    if not found:
        names = sorted({record.tags.get(NAME_TAG, "") for record in every})
        raise unknown("finished comparison", name, names, "`fusionbench runs --kind comparison` lists them.")
    return found


def read_comparison(run_id: str) -> Comparison:
    """Rebuild a comparison, its verdicts included, from its own run and those of its rows.

    Raises:
        UserError: there is no such run, or it is no finished comparison.
    """
    record = get_run(run_id)
    if record.tags.get(KIND_TAG) != COMPARISON:
        kind = record.tags.get(KIND_TAG, "no run of fusionbench")
        raise UserError(
            f"{record.name} ({record.run_id}) is no comparison: {kind}. "
            "`fusionbench runs --kind comparison` lists comparisons."
        )
    asked, said = read_json(record.run_id, ASKED), read_json(record.run_id, COMPARED)
    experiment = Experiment(
        asked["name"], asked["question"], asked["base"], {}, asked["vary"], terms=Terms(**asked["terms"])
    )
    runs = [(Slot(tuple(run["row"]), run["seed"]), _outcome(run)) for run in said["runs"]]
    by_label: dict[str, list[Outcome]] = defaultdict(list)
    for slot, outcome in runs:
        by_label[slot.label].append(outcome)
    values = {slot.label: dict(zip(experiment.row_keys, slot.row, strict=False)) for slot, _ in runs}
    ranking = _with_costs(rank(by_label, values), by_label, record.run_id)
    verdicts = None
    if said.get("terms"):
        rows = scored([row.label for row in ranking], runs)
        subjects = persons(rows, framed(runs[0][1]))
        classes = runs[0][1].folds[0].report.log_probabilities.shape[1]
        verdicts = judge_rows(rows, subjects, classes, experiment.terms, runs[0][1].judging)
    return Comparison(
        experiment=experiment,
        run_id=record.run_id,
        mlflow_experiment=runs[0][1].experiment if runs else "",
        mlflow_experiment_id=record.experiment_id,
        stand_in=said["stand_in"],
        ranking=ranking,
        runs=runs,
        skipped=[Absent(**absent) for absent in said["skipped"]],
        failed=[Absent(**absent) for absent in said["failed"]],
        reused=len(runs),
        verdicts=verdicts,
    )


def _with_costs(ranking: list[Row], runs: Mapping[str, Sequence[Outcome]], comparison: str) -> list[Row]:
    """The rows with the costs that the comparison measured side by side, where it kept them."""
    try:
        kept = read_json(comparison, COSTS)
    except UserError:  # of before they were kept
        return ranking
    return [replace(row, **kept.get(runs[row.label][0].folds[0].identity, {})) for row in ranking]


def _outcome(run: dict[str, Any]) -> Outcome:
    return Outcome(
        name=run["name"],
        run_id=run["run_id"],
        experiment=run["experiment"],
        config=run["config"],
        identity=run["identity"],
        stand_in=run["stand_in"],
        folds=[read_fold(fold["run_id"]) for fold in run["folds"]],
        skipped=run["skipped_clips"],
    )
