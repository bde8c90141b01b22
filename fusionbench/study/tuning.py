"""How a study searches: space, sampler and budget, from an experiment's ``tune`` section or from flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusionbench.catalog.documents import Lines, read
from fusionbench.contract.errors import UserError, brief, nearest

SAMPLERS = ("grid", "random", "tpe")
SMALL = 100
"""points of a space that a grid goes through unless another sampler is asked for"""
USUAL_TRIALS = 40
"""of a study that names no number and is no grid"""
FRESH_SEEDS = 3
"""that a confirmed configuration is trained with, at least: one would be luck again"""
MOST_TRIALS = 10_000
KEYS = ("space", "trials", "sampler", "seeds", "confirm", "prune")
"""what a ``tune`` section may hold"""
USUAL_BUDGET = 20
"""configurations of every row of a comparison that names no number"""
BUDGET_KEYS = ("trials", "space", "seeds", "sampler")
"""what the ``tune`` section of a comparison may hold"""
_UNEQUAL = {
    "prune": "a trial that is ended early has had fewer epochs than the others. Leave it out.",
    "confirm": "what is chosen is trained with the experiment's seeds instead. Leave it out.",
}


@dataclass(frozen=True)
class Tuning:
    """Declared before any score is seen; None where nothing was said."""

    space: tuple[str, ...] | Mapping[str, Any] | None = None
    """groups of declared options, or options with their values; None = all that is declared and learns"""
    lines: Mapping[str, str] | None = None
    """option of a space -> file and line it stands on"""
    trials: int | None = None
    sampler: str | None = None
    seeds: int = 1
    """of a trial"""
    confirm: int = 3
    """best configurations that are trained again with fresh seeds; 0 = none"""
    prune: bool = False
    """whether trials below the median of the others are ended early"""

    def plain(self) -> dict[str, Any]:
        """The ``tune`` section of a comparison's file."""
        space = self.space
        listed = {} if space is None else {"space": dict(space) if isinstance(space, Mapping) else [*space]}
        return {"trials": self.trials, "seeds": self.seeds, "sampler": self.sampler, **listed}


def read_tuning(given: Mapping[str, Any], where: str, lines: Mapping[str, str] | None = None) -> Tuning:
    """A study's settings from a ``tune`` section.

    Args:
        given: the section.
        where: file and line, for errors.
        lines: option of a space -> its file and line.

    Raises:
        UserError: an unknown key, or a value that is none.
    """
    wrong = next((str(key) for key in given if key not in KEYS), None)
    if wrong is not None:
        raise UserError(
            f"{where}: tune has no {wrong!r}.{nearest(wrong, KEYS)} It may have {', '.join(KEYS)}."
        )
    space = given.get("space")
    if isinstance(space, Mapping):
        space = options_of(space)
    elif isinstance(space, (list, tuple)) and all(isinstance(group, str) for group in space):
        space = tuple(space)
    elif space is not None:
        raise UserError(
            f"{where}: tune.space is {brief(space)}; give a list of groups, as in [fusion, training], "
            "or options with their values."
        )
    sampler = given.get("sampler")
    if sampler is not None and sampler not in SAMPLERS:
        raise UserError(
            f"{where}: sampler {sampler!r} is none.{nearest(str(sampler), SAMPLERS)} "
            f"Samplers: {', '.join(SAMPLERS)}."
        )
    prune = given.get("prune", False)
    if not isinstance(prune, bool):
        raise UserError(f"{where}: tune.prune is {prune!r}; give true or false.")
    return Tuning(
        space=space,
        lines=lines,
        trials=_count(given, "trials", 1, MOST_TRIALS, where) if given.get("trials") is not None else None,
        sampler=sampler,
        seeds=_count({"seeds": 1, **given}, "seeds", 1, 1000, where),
        confirm=_count({"confirm": 3, **given}, "confirm", 0, MOST_TRIALS, where),
        prune=prune,
    )


def read_budget(given: Mapping[str, Any], where: str, lines: Mapping[str, str] | None = None) -> Tuning:
    """How the rows of a comparison are tuned: the same number of configurations and seeds for each.

    Args:
        given: the ``tune`` section.
        where: file and line, for errors.
        lines: option of a space -> its file and line.

    Raises:
        UserError: an unknown key, a value that is none, or budgets that would not be equal.
    """
    for name in ("trials", "seeds"):
        if isinstance(given.get(name), (Mapping, list)):
            raise UserError(
                f"{where}: not on equal terms: tune.{name} is {brief(given[name])}. Every row gets the same "
                "budget; give one whole number."
            )
    refused = next((key for key in _UNEQUAL if given.get(key)), None)
    if refused is not None:
        raise UserError(f"{where}: not on equal terms: tune.{refused} in a comparison: {_UNEQUAL[refused]}")
    wrong = next((str(key) for key in given if key not in (*BUDGET_KEYS, *_UNEQUAL)), None)
    if wrong is not None:
        raise UserError(
            f"{where}: tune has no {wrong!r} in a comparison.{nearest(wrong, BUDGET_KEYS)} "
            f"It may have {', '.join(BUDGET_KEYS)}."
        )
    if given.get("sampler") == "grid":
        raise UserError(
            f"{where}: the first points of a grid are no fair sample, and its first is not the default. "
            "Give tune.sampler: random (it goes through a small space whole) or tpe."
        )
    usual = {"trials": USUAL_BUDGET, "sampler": "random"}
    known = {key: value for key, value in given.items() if value is not None}
    return replace(read_tuning({**usual, **known}, where, lines), confirm=0)


def _count(given: Mapping[str, Any], name: str, least: int, most: int, where: str) -> int:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UserError(
            f"{where}: tune.{name} is {brief(value)}; give a whole number from {least} to {most:,}."
        )
    return value


def options_of(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted option -> its values, from options that are nested or dotted; a range stays whole."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        ranged = isinstance(value, Mapping) and {"low", "high"} & set(value)
        if isinstance(value, Mapping) and value and not ranged:
            flat.update(options_of(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def dotted(lines: Lines, file: Path, below: Sequence[str] = ()) -> dict[str, str]:
    """Dotted key -> ``FILE, line N`` of what stands below some keys of a file."""
    start = tuple(below)
    return {
        ".".join(path[len(start) :]): f"{file}, line {line}"
        for path, line in lines.items()
        if path[: len(start)] == start and len(path) > len(start)
    }


def with_space(tuning: Tuning, asked: str | None) -> Tuning:
    """The settings with ``--space`` laid over them: groups between commas, or a YAML file.

    Raises:
        UserError: the file can't be read.
    """
    if asked is None:
        return tuning
    file = Path(asked).expanduser()
    if file.suffix.lower() in (".yaml", ".yml") or file.is_file():
        content, lines = read(file)
        return replace(tuning, space=options_of(content), lines=dotted(lines, file))
    groups = tuple(part.strip() for part in asked.split(",") if part.strip())
    return replace(tuning, space=groups, lines=None)
