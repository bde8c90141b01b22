"""A study before anything is trained: what it starts from, what it searches, how, and how often."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fusionbench.bench.claim import STUDY
from fusionbench.bench.source import RunData, data_key, open_data
from fusionbench.bench.tracking import RunNotes, data_name
from fusionbench.catalog.identity import ROOMS, harness_hash, source_hash
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.resolve import Request, read_options, resolve
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.dataset import Fold
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import canonical, digest
from fusionbench.contract.watch import Watch
from fusionbench.study.equal_terms import refuse_unequal_starts
from fusionbench.study.space import Space, declared_space, given_space
from fusionbench.study.tuning import SMALL, USUAL_TRIALS, Tuning

_SHOWN_HASH = 12


@dataclass
class Design:
    """Everything that decides which trials a study has. Data are opened once a process."""

    request: Request
    """what all trials start from"""
    base: RunConfig
    space: Space
    notes: list[str]
    """options that were left out of the space because they are set"""
    tuning: Tuning
    sampler: str
    total: int
    """trials of each fold"""
    catalog: Catalog
    asked_name: str | None = None
    question: str = ""
    """the first comment line of its file"""
    _opened: dict[str, RunData] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """The seeds of a trial."""
        first = self.base.options.seed
        return list(range(first, first + self.tuning.seeds))

    def fresh_seeds(self, least: int) -> list[int]:
        """Seeds that no trial has; at least so many."""
        first = self.seeds[-1] + 1
        return list(range(first, first + max(least, self.tuning.seeds)))

    @property
    def epochs(self) -> int:
        """Of one run of a trial."""
        return 1 if self.base.fusion.cls.solved else self.base.options.training.epochs

    @property
    def default(self) -> dict[str, Any]:
        """Each searched option's value where nothing is searched."""
        flat = self.base.flat()
        return {key: flat[key] for key in self.space.keys}

    def configured(self, point: Mapping[str, Any], seed: int | None = None) -> RunConfig:
        """The config of a point.

        Raises:
            UserError: options set each other bounds that the point breaks.
        """
        values = {**self.request.values, **point, **({} if seed is None else {"seed": seed})}
        return resolve(replace(self.request, values=values), self.catalog)

    def data(self, config: RunConfig, watch: Watch | None = None) -> RunData:
        """The data of a config, opened once; errors as ``open_data``."""
        key = data_key(config)
        if key not in self._opened:
            self._opened[key] = open_data(config, watch or Watch())
        return self._opened[key]

    def folds(self, data: RunData) -> list[Fold]:
        """Those that are searched, each on its own."""
        return data.folds(self.base.options.fold)

    def definition(self, data: RunData) -> dict[str, Any]:
        """What makes it this study: another space, data, code or budget of a trial is another study."""
        searched = set(self.space.keys)
        flat = {
            key: value
            for key, value in self.base.flat().items()
            if key not in searched and not key.startswith("data.") and not key.endswith(".name")
        }
        code = {f"code of {c.kind}": source_hash(c.cls)[:_SHOWN_HASH] for c in self.base.components}
        made = {
            "space": self.space.plain(),
            "sampler": self.sampler,
            "seeds of a trial": self.seeds,
            "prune": self.tuning.prune,
            "data": data.fingerprint[:_SHOWN_HASH],
            "weights": dict(data.weights),
            "code of fusionbench": harness_hash(*ROOMS)[:_SHOWN_HASH],
            **code,
            **flat,
        }
        plain: dict[str, Any] = json.loads(canonical(made))
        return plain

    def name(self, data: RunData) -> str:
        """As asked for; else head, dataset and a hash of what is searched, so that no two share one."""
        if self.asked_name:
            return self.asked_name
        return f"{self.base.fusion.name}-{data_name(self.base, data)}-{digest(self.definition(data))[:6]}"

    def identity(self, data: RunData) -> str:
        """Of the study's MLflow run."""
        return digest([STUDY, self.name(data), self.definition(data)])

    def opened(self, data: RunData, tags: Mapping[str, str]) -> dict[str, Any]:
        """What ``open_run`` is given for the study: parameters are what never changes of it."""
        notes = RunNotes.of(self.base, data)
        return {
            "experiment": notes.experiment,
            "name": f"tune {self.name(data)}",
            "params": {
                "fusion": self.base.fusion.plugin,
                "dataset": self.base.dataset.plugin,
                "sampler": self.sampler,
                "searched": ", ".join(self.space.keys),
                "seeds_of_a_trial": len(self.seeds),
                "epochs": self.base.options.training.epochs,
            },
            "tags": {**notes.tags, **tags},
        }


def design(
    request: Request, tuning: Tuning, catalog: Catalog, name: str | None = None, question: str = ""
) -> Design:
    """A study from what was asked for; every value of its space is tried on the schema.

    Args:
        request: the run that trials start from.
        tuning: how it is searched.
        catalog: components to choose from.
        name: of the study; None makes one up.
        question: that it answers.

    Raises:
        UserError: the request or the space is at fault.
    """
    values, origins = read_options(request)
    request = Request(values, origins, None, request.registry)
    base = resolve(request, catalog)
    notes: list[str] = []
    searched = tuning.space
    if not isinstance(searched, Mapping):
        searched, notes = declared_space(base, searched)
    space = given_space(searched, tuning.lines or {}, base, request, catalog)
    _refuse_frozen_start(base, space, request, catalog)
    sampler = tuning.sampler or ("grid" if space.listed and space.size <= SMALL else "tpe")
    if sampler == "grid" and not space.listed:
        endless = next(axis.key for axis in space.axes if axis.values is None)
        raise UserError(
            f"a grid goes through lists of values, but {endless} may lie anywhere from "
            f"{space.plain()[endless]['low']:g} to {space.plain()[endless]['high']:g}. "
            "Give values for it (--space FILE.yaml), or another --sampler: random, tpe."
        )
    total = tuning.trials or (int(space.size) if sampler == "grid" else USUAL_TRIALS)
    return Design(request, base, space, notes, tuning, sampler, total, catalog, _checked(name), question)


def _checked(name: str | None) -> str | None:
    if name is not None and not (name.strip() and len(name) <= 200 and name.isprintable()):
        raise UserError(f"--name {name[:40]!r} can't name a study; give up to 200 letters on one line.")
    return name.strip() if name else None


def _refuse_frozen_start(base: RunConfig, space: Space, request: Request, catalog: Catalog) -> None:
    """Relation encoders are searched trained, all from the same kind of start."""
    keys: Sequence[str] = [key for key in space.keys if key.split(".")[0] == "relation"]
    if not keys:
        return
    configs = [base]
    for axis in space.axes:
        if axis.key in keys:
            ends = axis.values if axis.values is not None else (axis.low, axis.high)
            configs += [
                resolve(replace(request, values={**request.values, axis.key: value}), catalog)
                for value in ends
            ]
    refuse_unequal_starts(configs, keys)
