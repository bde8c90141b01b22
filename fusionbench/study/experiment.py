"""An experiment: a question, a ``base``, what is varied, and the equal terms everything else is held to."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.catalog.documents import read, read_text
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.presets import shipped
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.catalog.run_config import RunConfig, flatten
from fusionbench.contract.errors import UserError, brief
from fusionbench.study.equal_terms import PER_RUN_KEYS, SEED, refuse_unequal, refuse_unequal_starts
from fusionbench.study.terms import Terms, read_terms

MOST_RUNS = 10_000
"""of one experiment: a slip of the pen, not a plan, is larger"""
JUDGED_BY = ("metric", "positive")
"""the same for all rows, whatever varies"""
_GIVEN = ("data", "dataset")
"""what the clips are is no choice that is tuned"""


@dataclass(frozen=True)
class Experiment:
    """A family of runs: ``base`` x ``vary``."""

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

    @property
    def seeds(self) -> Sequence[int]:
        """The seeds of each row."""
        return self.vary.get(SEED, [self.base.get(SEED, 0)])

    @property
    def row_keys(self) -> tuple[str, ...]:
        """What is compared."""
        return tuple(key for key in self.vary if key != SEED)

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
    """its values of what is compared, as a table shows them"""
    seed: int

    @property
    def label(self) -> str:
        """``arpg`` or ``arpg, 5``."""
        return ", ".join(self.row)


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
    if "vary" not in content and "tune" in content:
        raise UserError(
            f"{path} asks for the best configuration of one head: it has `tune` and no `vary`. "
            f"Give it to the other command: fusionbench tune {path.stem}."
        )
    unknown = set(content) - {"base", "vary", "compare"}
    if unknown or not isinstance(content.get("vary"), dict) or not isinstance(content.get("base", {}), dict):
        raise UserError(
            f"{path} is no experiment: it needs `vary` (a mapping of options to lists) and may have `base` "
            "and `compare` (metric, against, margin, family); "
            f"it holds {', '.join(content) or 'nothing'}."
        )
    for key, values in content["vary"].items():
        if not isinstance(values, list) or not values:
            line = lines["vary", key]
            raise UserError(f"{path}, line {line}: vary {key} needs a list of values; got {brief(values)}.")
    given = content.get("compare") or {}
    if not isinstance(given, dict):
        raise UserError(f"{path}, line {lines['compare',]}: compare needs a mapping; got {brief(given)}.")
    origins = {".".join(keys[1:]): f"{path}, line {n}" for keys, n in lines.items() if keys[0] == "base"}
    terms = read_terms(given, f"{path}, line {lines.get(('compare',), 0)}")
    base = flatten(content.get("base") or {})
    if terms.metric is not None:  # what is compared is also what chooses epochs: an option of every run
        base["metric"] = terms.metric
        origins["metric"] = f"{path}, line {lines['compare', 'metric']}"
    return Experiment(
        name=path.stem,
        question=question_of(path),
        base={**base, **overrides.values},
        origins={**origins, **overrides.origins},
        vary={key: values for key, values in content["vary"].items() if key not in overrides.values},
        registry=overrides.registry,
        terms=terms,
    )


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
    varied = [key for key in JUDGED_BY if key in experiment.vary]
    if varied:
        raise UserError(
            f"{varied[0]} varies, but all rows of a ranking are judged alike. "
            f"Set it for all: --set {varied[0]}=VALUE."
        )
    axes = {**{key: experiment.vary[key] for key in experiment.row_keys}, SEED: experiment.seeds}
    made = []
    combinations = math.prod(len(values) for values in axes.values())
    if combinations > MOST_RUNS:
        raise UserError(
            f"{experiment.name} would be {combinations:,} runs; at most {MOST_RUNS:,} are compared. "
            "Vary less, or fewer seeds."
        )
    for values in itertools.product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        request = Request({**experiment.base, **point}, experiment.origins, None, experiment.registry)
        config = resolve(request, catalog)
        row = tuple(_shown(point[key]) for key in experiment.row_keys) or (
            _shown(experiment.base.get("fusion")),
        )
        made.append(Member(row, config.options.seed, config))
    refuse_unequal([m.config for m in made], [*experiment.row_keys, *PER_RUN_KEYS])
    refuse_unequal_starts([m.config for m in made], experiment.row_keys)
    return made


def _shown(value: Any) -> str:
    """A varied value in a table: a name, or a name with its options."""
    if isinstance(value, Mapping):
        options = ", ".join(f"{k}={_shown(v)}" for k, v in flatten(value).items() if k != "name")
        return f"{value.get('name', '')} ({options})".strip() if options else str(value.get("name"))
    return "null" if value is None else str(value)
