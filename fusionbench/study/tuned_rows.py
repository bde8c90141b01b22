"""Carries out the searches of a comparison's rows, and plans the runs of what each of them chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fusionbench.bench.run import fold_identity
from fusionbench.bench.source import RunData
from fusionbench.contract.errors import FusionBenchError, NotSupported, UserError
from fusionbench.contract.hashing import canonical
from fusionbench.contract.watch import Watch
from fusionbench.study.budgets import Budget, refuse_unequal_budgets
from fusionbench.study.equal_terms import PER_RUN_KEYS, refuse_unequal
from fusionbench.study.experiment import Experiment, Member
from fusionbench.study.plan import Absent, Plan, finished
from fusionbench.study.searched import Searched
from fusionbench.study.tune import tune

if TYPE_CHECKING:
    from fusionbench.study.executors.cluster import Cluster

COMPARISON_TAG, STUDIES_TAG = "fusionbench.comparison", "fusionbench.studies"
"""a comparison and its studies know each other by these"""
JUDGING = "comparing what was chosen (epochs)"


class RowWatch(Watch):
    """Tells a row's progress under its name; the whole has a bar of its own."""

    def __init__(self, label: str, watch: Watch):
        self._label, self._watch = label, watch

    def progress(self, task: str, done: int, total: int) -> None:
        self._watch.progress(f"{self._label}: {task}", done, total)

    def warn(self, message: str) -> None:
        self._watch.warn(f"{self._label}: {message}")


def search_rows(
    asked: Sequence[Budget], comparison: str, workers: int, watch: Watch, cluster: Cluster | None = None
) -> tuple[list[Searched], list[Absent]]:
    """Every row's search, one after the other; one that fails is told and does not stop the others.

    Args:
        asked: the rows' budgets.
        comparison: its MLflow run.
        workers: processes of each search.
        watch: told of progress.
        cluster: whose nodes carry the trials out in place of workers.

    Raises:
        UserError: a row tried fewer or more configurations than the others, though it had more.
    """
    found: list[Searched] = []
    absent: list[Absent] = []
    for budget in asked:
        design = budget.design
        try:
            made = tune(
                design,
                workers,
                RowWatch(budget.label, watch),
                tags={COMPARISON_TAG: comparison},
                judge=False,
                cluster=cluster,
            )
            one = Searched.of(budget.label, made, design.total, tuple(design.notes))
            if not all(fold.finished for fold in one.folds):
                raise FusionBenchError(f"none of its {design.total} configurations finished")
        except FusionBenchError as error:
            if isinstance(error, UserError) and not isinstance(error, NotSupported):
                raise
            absent.append(Absent(budget.label, design.seeds[0], f"not tuned: {error}"))
        else:
            found.append(one)
    refuse_unequal_budgets(found)
    return found, absent


def chosen_plan(
    experiment: Experiment, asked: Sequence[Budget], found: Sequence[Searched], absent: list[Absent]
) -> Plan:
    """The runs of what was chosen, with the experiment's seeds; each fold has its own configuration.

    Args:
        experiment: the whole.
        asked: the rows' budgets.
        found: their searches.
        absent: rows whose search failed.

    Raises:
        UserError: rows differ in more than what is compared and what was searched.
    """
    members: list[Member] = []
    data: list[RunData | None] = []
    folds: dict[tuple[int, str], str] = {}
    designs = {budget.label: budget for budget in asked}
    for one in found:
        budget = designs[one.label]
        for seed in experiment.seeds:
            entered: dict[str, int] = {}
            for fold in one.folds:
                point = fold.chosen.trial.point
                key = canonical(dict(point))
                config = budget.design.configured(point, seed)
                read = budget.design.data(config)
                if key not in entered:
                    entered[key] = len(members)
                    members.append(Member(budget.row, seed, config))
                    data.append(read)
                (named,) = read.folds(fold.fold)
                folds[entered[key], fold.fold] = fold_identity(config, read, named)
    searched = dict.fromkeys(key for budget in asked for key in budget.design.space.keys)
    if members:
        refuse_unequal([m.config for m in members], [*experiment.row_keys, *searched, *PER_RUN_KEYS])
    return Plan(members, data, folds, finished(set(folds.values())), absent, [])
