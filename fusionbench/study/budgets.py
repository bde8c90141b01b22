"""Equal budgets: what each row of a comparison is tuned over, with as many configurations and seeds as any.

A row's search is a study like any other, so it is found, gone on with and reused as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fusionbench.catalog.plugins import KINDS, Catalog
from fusionbench.catalog.resolve import Request, read_options, resolve
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import UserError
from fusionbench.study.design import Design, design
from fusionbench.study.experiment import Experiment
from fusionbench.study.plan import Plan
from fusionbench.study.searched import Searched
from fusionbench.study.space import GROUPS, Space, declared, given_space
from fusionbench.study.tuning import USUAL_BUDGET, Tuning

LR = "training.lr"
"""in the space of every row that learns: one rate for all is unfair to some"""
EPOCHS = "training.epochs"


@dataclass(frozen=True)
class Budget:
    """The search of one row, before anything is trained."""

    label: str
    row: tuple[str, ...]
    design: Design
    seeds: int
    """of the experiment: what is chosen is trained with each"""
    folds: int

    @property
    def configurations(self) -> int:
        """Distinct ones, the default among them: the budget, or as many as the space has."""
        space = self.design.space
        outside = not all(axis.holds(self.design.default[axis.key]) for axis in space.axes)
        return int(min(self.design.total, space.size + outside))

    @property
    def runs(self) -> int:
        """Trials of all seeds and folds."""
        return self.configurations * len(self.design.seeds) * self.folds

    @property
    def epochs(self) -> int:
        """Of all trials, and of what is chosen."""
        return (self.runs + self.seeds * self.folds) * self.design.epochs

    @property
    def told(self) -> list[str]:
        """What makes this row's search another one than asked for."""
        lines = list(self.design.notes)
        if self.configurations < self.design.total:
            lines.append(
                f"its space has {self.configurations} configuration{'s' * (self.configurations > 1)}; "
                f"the budget is {self.design.total}"
            )
        return lines

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "label": self.label,
            "space": self.design.space.plain(),
            "default": self.design.default,
            "configurations": self.configurations,
            "seeds": len(self.design.seeds),
            "folds": self.folds,
            "trials": self.runs,
            "epochs": self.epochs,
            "told": self.told,
        }


def budgets(experiment: Experiment, made: Plan, catalog: Catalog) -> list[Budget]:
    """The search of every row whose parts fit; empty where rows are not tuned.

    Args:
        experiment: with its ``tuning``.
        made: its plan; data that are open are shared.
        catalog: components to choose from.

    Raises:
        UserError: budgets that would not be equal, or a space that is none.
    """
    tuning, each = experiment.tuning, len(experiment.seeds)
    if tuning is None:
        return []
    _refuse_unequal_epochs(experiment)
    unfit = {absent.label for absent in made.skipped}
    rows = list(zip(experiment.points, made.members[::each], made.data[::each], strict=True))
    for key in tuning.space if isinstance(tuning.space, Mapping) else ():
        if not any(_has(member.config, key) for _, member, _ in rows):
            _refuse_option(key, tuning, rows[0][1].config, _request(experiment, rows[0][0]), catalog)
    found = []
    for point, member, data in rows:
        if member.label in unfit:
            continue
        searched = _row_design(member.config, _request(experiment, point), tuning, catalog)
        folds = 1
        if data is not None:
            searched.keep(member.config, data)
            folds = len(searched.folds(data))
        found.append(Budget(member.label, member.row, searched, each, folds))
    return found


def _request(experiment: Experiment, point: Mapping[str, Any]) -> Request:
    asked = Request({**experiment.base, **point}, experiment.origins, None, experiment.registry)
    values, origins = read_options(asked)
    return Request(values, origins, None, experiment.registry)


def _row_design(base: RunConfig, request: Request, tuning: Tuning, catalog: Catalog) -> Design:
    content, notes = row_space(base, tuning)
    if content:
        made = design(request, replace(tuning, space=content), catalog)
        return replace(made, notes=notes)
    start, total = resolve(request, catalog), tuning.trials or USUAL_BUDGET
    return Design(request, start, Space(()), notes, tuning, tuning.sampler or "random", total, catalog)


def row_space(base: RunConfig, tuning: Tuning) -> tuple[dict[str, Any], list[str]]:
    """What a row is tuned over: of the asked space what it has, and its learning rate; and what is left out.

    Args:
        base: the row's default configuration.
        tuning: of the experiment.

    Raises:
        UserError: the learning rate is set, so that it can't be searched.
    """
    wanted = tuning.space
    if isinstance(wanted, Mapping):
        content = {key: values for key, values in wanted.items() if _has(base, key)}
        notes = [f"{key} is none of its options" for key in wanted if key not in content]
    else:
        asked = None if wanted is None else [g for g in wanted if g not in GROUPS or _has_group(base, g)]
        content, notes = declared(base, asked, "tune.space")
    if not base.fusion.cls.solved:
        origin = base.origins.get(LR, "") or "the experiment"
        if not origin.startswith("default"):
            raise UserError(
                f"not on equal terms: {LR} is {base.options.training.lr!r} ({origin}), but the learning rate "
                "of every row is tuned. Leave it out, or put values of it into tune.space."
            )
        content = {**content, **({} if LR in content else {LR: declared(base, ["training"], LR)[0][LR]})}
    return content, notes


def _has_group(base: RunConfig, group: str) -> bool:
    if group == "training":
        return not base.fusion.cls.solved
    return any(part.kind == group for part in base.components)


def _has(base: RunConfig, key: str) -> bool:
    """Whether a row has an option."""
    kind, _, option = key.partition(".")
    if kind == "training" or kind not in KINDS:
        return kind != "training" or not base.fusion.cls.solved
    return any(part.kind == kind and option in part.cls.Config.model_fields for part in base.components)


def _refuse_option(key: str, tuning: Tuning, base: RunConfig, request: Request, catalog: Catalog) -> None:
    """An option that no row has is a slip; the nearest one is offered."""
    assert isinstance(tuning.space, Mapping)
    given_space({key: tuning.space[key]}, tuning.lines or {}, base, request, catalog)


def _refuse_unequal_epochs(experiment: Experiment) -> None:
    varied = [key for key in experiment.row_keys if key in (EPOCHS, "training")]
    if varied:
        raise UserError(
            f"not on equal terms: {EPOCHS} varies, so a configuration of one row would be trained longer "
            "than another's. Set it for all, or leave out tune."
        )


def refuse_unequal_budgets(searches: Sequence[Searched]) -> None:
    """Hold finished searches to what they were asked for.

    Raises:
        UserError: a row tried fewer or more configurations or seeds than the others, though it had more.
    """
    for one in searches:
        for fold in one.folds:
            tried, whole = len(fold.trials), one.budget
            if tried > whole or (tried < whole and not fold.exhausted):
                raise UserError(
                    f"not on equal terms: {one.label} tried {tried} of {whole} configurations"
                    f"{'' if len(one.folds) == 1 else f' in fold {fold.fold}'}. Give the command again."
                )
            for trial in fold.trials:
                if trial.state == "pruned" or (trial.scores and len(trial.scores) != one.seeds):
                    raise UserError(
                        f"not on equal terms: {one.label} trained trial {trial.number} otherwise than asked: "
                        f"{len(trial.scores)} of {one.seeds} seeds, {trial.state}."
                    )
