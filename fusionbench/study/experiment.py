"""An experiment: a question, a ``base``, what is varied, and the equal terms everything else is held to."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.catalog.documents import read, read_text
from fusionbench.catalog.plugins import KINDS, Catalog
from fusionbench.catalog.presets import shipped
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.catalog.run_config import RunConfig, flatten
from fusionbench.contract.errors import UserError, brief
from fusionbench.study.equal_terms import PER_RUN_KEYS, SEED, refuse_unequal, refuse_unequal_starts
from fusionbench.study.terms import Terms, read_terms
from fusionbench.study.tuning import Tuning, dotted, read_budget

MOST_RUNS = 10_000
"""of one experiment: a slip of the pen, not a plan, is larger"""
JUDGED_BY = ("metric", "positive")
"""the same for all rows, whatever varies"""
SECTIONS = ("base", "vary", "rows", "compare", "tune")
"""what an experiment's file may hold"""
_GIVEN = ("data", "dataset")
"""what the clips are is no choice that is tuned"""


@dataclass(frozen=True)
class Experiment:
    """A family of runs: ``base`` x ``vary``, or ``base`` x ``rows`` x seeds."""

    name: str
    question: str
    """the first comment line of its file"""
    base: Mapping[str, Any]
    """dotted key -> value"""
    origins: Mapping[str, str]
    vary: Mapping[str, Sequence[Any]]
    """dotted key -> the values it takes; ``seed`` is averaged over, every other key makes rows"""
    registry: Path | None = None
    terms: Terms = field(default_factory=Terms)
    """how rows are judged; declared before any score is seen"""
    rows: Sequence[Mapping[str, Any]] = ()
    """each row's own options, where they are listed in place of a product"""
    tuning: Tuning | None = None
    """the budget that each row is tuned with, beside its defaults; None: rows are not tuned"""

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of each row."""
        return self.vary.get(SEED, [self.base.get(SEED, 0)])

    @property
    def row_keys(self) -> tuple[str, ...]:
        """What is compared."""
        if self.rows:
            return tuple(dict.fromkeys(key for row in self.rows for key in row))
        return tuple(key for key in self.vary if key != SEED)

    @property
    def size(self) -> int:
        """How many runs there are."""
        axes = [self.rows] if self.rows else [self.vary[key] for key in self.row_keys]
        return math.prod(map(len, (*axes, self.seeds)))

    @property
    def points(self) -> Iterator[dict[str, Any]]:
        """What each row sets over the base; of a product the last option varies fastest."""
        if self.rows:
            return (dict(row) for row in self.rows)
        keys = self.row_keys
        values = itertools.product(*(self.vary[key] for key in keys))
        return (dict(zip(keys, point, strict=True)) for point in values)

    @property
    def swept_options(self) -> tuple[str, ...]:
        """Options that rows differ in: to take the best of them is to tune on the report split."""
        return tuple(key for key in self.row_keys if "." in key and key.split(".")[0] not in _GIVEN)

    @property
    def varies_data(self) -> bool:
        """Whether rows are of different clips, so that no pair of them can be judged."""
        return any(key.split(".")[0] in _GIVEN for key in self.row_keys)


@dataclass(frozen=True)
class Slot:
    """The place of a run in an experiment."""

    row: tuple[str, ...]
    """its values of what is compared, as a table shows them; empty where a listed row does not set one"""
    seed: int

    @property
    def label(self) -> str:
        """``arpg`` or ``arpg, 5``."""
        return ", ".join(filter(None, self.row))


@dataclass(frozen=True)
class Member(Slot):
    """One run of an experiment, resolved."""

    config: RunConfig


def read_experiment(path: Path, overrides: Request) -> Experiment:
    """An experiment from its file, with the command line laid over its base.

    Args:
        path: YAML with ``base`` and ``vary``; a name alone means a shipped one.
        overrides: flags and ``--set``.

    Raises:
        UserError: the file is no experiment.
    """
    path = experiment_file(path)
    content, lines = read(path)
    if "tune" in content and not {"vary", "rows"} & set(content):
        raise UserError(
            f"{path} asks for the best configuration of one head: it has `tune` and no `vary`. "
            f"Give it to the other command: fusionbench tune {path.stem}."
        )
    listed = "rows" in content
    vary, given = content.get("vary", {} if listed else None), content.get("compare") or {}
    if set(content) - set(SECTIONS) or not isinstance(vary, dict) or not _is_mapping(content, "base"):
        raise UserError(
            f"{path} is no experiment: it needs `vary` (a mapping of options to lists) or `rows` (a list of "
            "mappings), and may have `base`, `compare` (metric, against, margin, family) and `tune` (trials, "
            f"space, seeds, sampler); it holds {', '.join(content) or 'nothing'}."
        )
    for key, values in vary.items():
        if not isinstance(values, list) or not values:
            line = lines["vary", key]
            raise UserError(f"{path}, line {line}: vary {key} needs a list of values; got {brief(values)}.")
    if not isinstance(given, dict):
        raise UserError(f"{path}, line {lines['compare',]}: compare needs a mapping; got {brief(given)}.")
    if not _is_mapping(content, "tune"):
        raise UserError(
            f"{path}, line {lines['tune',]}: tune needs a mapping, as in {{trials: 20}}; "
            f"got {brief(content['tune'])}."
        )
    origins = {".".join(keys[1:]): f"{path}, line {n}" for keys, n in lines.items() if keys[0] == "base"}
    terms = read_terms(given, f"{path}, line {lines.get(('compare',), 0)}")
    base = flatten(content.get("base") or {})
    if terms.metric is not None:  # what is compared is also what chooses epochs: an option of every run
        base["metric"] = terms.metric
        origins["metric"] = f"{path}, line {lines['compare', 'metric']}"
    tuning = None
    if "tune" in content:
        where, below = f"{path}, line {lines['tune',]}", dotted(lines, path, ("tune", "space"))
        tuning = read_budget(content["tune"] or {}, where, below)
    rows = read_rows(content["rows"], vary, f"{path}, line {lines['rows',]}") if listed else []
    return Experiment(
        name=path.stem,
        question=question_of(path),
        base={**base, **overrides.values},
        origins={**origins, **overrides.origins},
        vary={key: values for key, values in vary.items() if key not in overrides.values},
        registry=overrides.registry,
        terms=terms,
        rows=_distinct([{k: v for k, v in row.items() if k not in overrides.values} for row in rows], path),
        tuning=tuning,
    )


def _is_mapping(content: Mapping[str, Any], section: str) -> bool:
    """Whether a section that may be left out is a mapping."""
    return isinstance(content.get(section) or {}, dict)


def read_rows(listed: Any, vary: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Rows that are listed one by one, each with its own options.

    Raises:
        UserError: they are no list of mappings, stand beside a product, or set what no row has of its own.
    """
    if not isinstance(listed, list) or not listed or not all(isinstance(r, dict) and r for r in listed):
        raise UserError(
            f"{where}: rows needs a list of mappings, one a row, as in "
            f"[{{fusion: arpg}}, {{fusion: est}}]; got {brief(listed)}."
        )
    beside = next((key for key in vary if key != SEED), None)
    if beside is not None:
        raise UserError(
            f"{where}: rows are listed and vary {beside} makes rows too. Give one of them; seeds may stay "
            "under vary."
        )
    for row in listed:
        if SEED in row:
            raise UserError(f"{where}: every row has the same seeds; give them under vary: seed.")
    return [_named_apart(row) for row in listed]


def _named_apart(row: Mapping[str, Any]) -> dict[str, Any]:
    """Options by dotted keys; a component with its options stays whole, as under ``vary``."""
    options: dict[str, Any] = {}
    for key, value in row.items():
        whole = not isinstance(value, dict) or key in KINDS
        options |= {key: value} if whole else flatten({key: value})
    return options


def _distinct(rows: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    again = next((row for k, row in enumerate(rows) if row in rows[:k]), None)
    if again is not None:
        raise UserError(f"{path}: two rows are the same: {brief(again)}. Leave out one of them.")
    return rows


def experiment_file(path: Path) -> Path:
    """Where an experiment lies; a name alone means a shipped one."""
    built_in = shipped(f"experiments/{path.stem}.yaml")
    alone = path.parent == Path(".") and not os.path.exists(path)
    return built_in if alone and os.path.isfile(built_in) else path


def question_of(path: Path) -> str:
    """The question that an experiment answers.

    Raises:
        UserError: its first line is no comment.
    """
    first = read_text(path).lstrip().partition("\n")[0]
    if not first.startswith("#"):
        raise UserError(
            f"{path}: the first line must be a comment with the question this experiment answers."
        )
    return first.lstrip("# ").strip()


def members(experiment: Experiment, catalog: Catalog) -> list[Member]:
    """Every run of an experiment, resolved; seeds vary fastest.

    Raises:
        UserError: a combination does not resolve, or the rows would not be compared on equal terms.
    """
    varied = [key for key in JUDGED_BY if key in (*experiment.vary, *experiment.row_keys)]
    if varied:
        raise UserError(
            f"{varied[0]} varies, but all rows of a ranking are judged alike. "
            f"Set it for all: --set {varied[0]}=VALUE."
        )
    unequal = [key for key in experiment.row_keys if key.split(".")[0] == "tune"]
    if unequal:
        raise UserError(
            f"not on equal terms: {unequal[0]} varies, but every row is tuned with the same budget. "
            "Give it once, under tune."
        )
    if experiment.size > MOST_RUNS:
        raise UserError(
            f"{experiment.name} would be {experiment.size:,} runs; at most {MOST_RUNS:,} are compared. "
            "Vary less, or fewer seeds."
        )
    made = []
    for point, seed in itertools.product(experiment.points, experiment.seeds):
        values = {**experiment.base, **point, SEED: seed}
        config = resolve(Request(values, experiment.origins, None, experiment.registry), catalog)
        made.append(Member(row_of(experiment, point), config.options.seed, config))
    refuse_unequal([m.config for m in made], [*experiment.row_keys, *PER_RUN_KEYS])
    refuse_unequal_starts([m.config for m in made], experiment.row_keys)
    experiment.terms.refuse_absent(member.label for member in made)
    return made


def row_of(experiment: Experiment, point: Mapping[str, Any]) -> tuple[str, ...]:
    """What a row sets, as a table shows it; without anything that varies the head alone."""
    keys = experiment.row_keys
    row = tuple(_shown(point[key]) if key in point else "" for key in keys)
    return row or (_shown(experiment.base.get("fusion")),)


def _shown(value: Any) -> str:
    """A varied value in a table: a name, or a name with its options."""
    if isinstance(value, Mapping):
        options = ", ".join(f"{k}={_shown(v)}" for k, v in flatten(value).items() if k != "name")
        return f"{value.get('name', '')} ({options})".strip() if options else str(value.get("name"))
    return "null" if value is None else str(value)
