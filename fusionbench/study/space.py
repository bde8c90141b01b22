"""What a study searches: options with the values they may take, held to the bounds of their ``Config``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusionbench.catalog.plugins import KINDS, Catalog
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.catalog.run_config import RunConfig, TrainingOptions
from fusionbench.contract.errors import UserError, brief, nearest

GROUPS = ("fusion", "relation", "backbone", "training")
"""whose options components and the training declare as tunable"""
FIXED = ("seed", "fold", "metric", "positive", "device", "threads", "training.epochs")
"""what all trials of a study share"""
_RANGE = ("low", "high", "log")


@dataclass(frozen=True)
class Axis:
    """One option and where it may lie: one of some values, or between two ends."""

    key: str
    """``fusion.trs``"""
    values: tuple[Any, ...] | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    """whole numbers only"""

    @classmethod
    def between(cls, key: str, low: float, high: float, log: bool, whole: bool) -> Axis:
        """A range; of whole numbers all its values, where their scale is even."""
        if whole and not log:
            return cls(key, tuple(range(int(low), int(high) + 1)))
        return cls(key, None, low, high, log, whole)

    @property
    def size(self) -> float:
        """How many values there are."""
        if self.values is not None:
            return len(self.values)
        return self.high - self.low + 1 if self.whole else math.inf

    def holds(self, value: Any) -> bool:
        """Whether a value is one of those that are searched."""
        if self.values is not None:
            return any(value == known and type(value) is type(known) for known in self.values)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def at(self, share: float) -> Any:
        """The value at a share of the way, 0 to 1 (less than 1)."""
        if self.values is not None:
            return self.values[int(share * len(self.values))]
        low, high = (math.log(end) if self.log else end for end in (self.low, self.high))
        value = low + share * (high - low)
        return self.tidy(math.exp(value) if self.log else value)

    def tidy(self, value: float) -> float:
        """Four digits of a number, or a whole one: nobody wants to type more, and none matters."""
        short = round(value) if self.whole else float(f"{value:.4g}")
        return min(self.high, max(self.low, short))

    def plain(self) -> Any:
        """As a space's file has it."""
        if self.values is not None:
            return list(self.values)
        return {"low": self.low, "high": self.high, **({"log": True} if self.log else {})}


@dataclass(frozen=True)
class Space:
    """The product of its axes."""

    axes: tuple[Axis, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The options that are searched."""
        return tuple(axis.key for axis in self.axes)

    @property
    def size(self) -> float:
        """How many points there are; infinite where an option may lie anywhere between two ends."""
        return math.prod(axis.size for axis in self.axes)

    @property
    def listed(self) -> bool:
        """Whether all its points can be gone through one by one."""
        return all(axis.values is not None for axis in self.axes)

    def points(self) -> Iterator[dict[str, Any]]:
        """Every point of a space that is ``listed``; the last option varies fastest."""
        values = [axis.values or () for axis in self.axes]
        return (dict(zip(self.keys, point, strict=True)) for point in itertools.product(*values))

    def plain(self) -> dict[str, Any]:
        """As a file has it."""
        return {axis.key: axis.plain() for axis in self.axes}


def declared_space(
    base: RunConfig, groups: Sequence[str] | None, where: str = "--space"
) -> tuple[dict[str, Any], list[str]]:
    """What components declare as tunable, as ``given_space`` takes it, and why any of it was left out.

    Args:
        base: the resolved config that trials start from.
        groups: of ``GROUPS``; None takes all that learn.
        where: whose choice that is, for errors.

    Raises:
        UserError: an unknown group, one that this run does not have, or nothing to search.
    """
    found, notes = declared(base, groups, where)
    if not found:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise UserError(
            f"{where}: there is nothing to search: fusion {base.fusion.name!r} and what is trained with it "
            f"declare no option as tunable{told}. Give a space of your own: --space FILE.yaml."
        )
    return found, notes


def declared(base: RunConfig, groups: Sequence[str] | None, where: str) -> tuple[dict[str, Any], list[str]]:
    """As ``declared_space``, but empty where there is nothing to search."""
    for group in groups or ():
        if group not in GROUPS:
            raise UserError(
                f"{where}: no group {group!r} of options.{nearest(group, GROUPS)} "
                f"Groups: {', '.join(GROUPS)}; or give a YAML file of options and their values."
            )
    found: dict[str, Any] = {}
    notes = []
    for group in dict.fromkeys(groups if groups is not None else _learning_groups(base)):
        schema = _schema(base, group, where)
        for name, field in schema.model_fields.items():
            searched = (field.json_schema_extra or {}).get("tunable")
            if searched is None:
                continue
            key = f"{group}.{name}"
            origin = base.origins.get(key, "default")
            if not origin.startswith("default"):
                notes.append(f"{key} is {base.flat()[key]!r} ({origin}) and is not searched")
            else:
                found[key] = searched.get("choices") or {part: searched[part] for part in _RANGE}
    return found, notes


def _learning_groups(base: RunConfig) -> list[str]:
    """Frozen parts are not searched, and a head that is solved for reads no option of the training."""
    trainable = base.options.front_end.trainable
    groups = ["fusion"]
    groups += ["relation"] if base.relation is not None and trainable != "none" else []
    groups += ["backbone"] if base.backbone is not None and trainable == "all" else []
    return groups + ([] if base.fusion.cls.solved else ["training"])


def _schema(base: RunConfig, group: str, where: str) -> Any:
    if group == "training":
        if base.fusion.cls.solved:
            raise UserError(
                f"{where}: fusion {base.fusion.name!r} is solved for and reads no option of the training. "
                "Leave out training."
            )
        return TrainingOptions
    chosen = {c.kind: c for c in base.components}.get(group)
    if chosen is None:
        raise UserError(f"{where}: this run has no {group}, so none of its options can be searched.")
    return chosen.cls.Config


def given_space(
    content: Mapping[str, Any], lines: Mapping[str, str], base: RunConfig, request: Request, catalog: Catalog
) -> Space:
    """A space of a user's own, every value of it tried on the schema.

    Args:
        content: dotted key -> list of values, or ``low``, ``high`` and perhaps ``log``.
        lines: dotted key -> file and line, for errors.
        base: the resolved config that trials start from.
        request: what it was resolved from.
        catalog: components to choose from.

    Raises:
        UserError: an unknown option (the nearest is offered), one that all trials share or that is set
            elsewhere too, a value out of bounds, or no value at all.
    """
    if not content:
        raise UserError("the space is empty. Give options and their values, as in fusion.trs: [1, 3, 5].")

    def meant(key: str, value: Any, where: str) -> Any:
        """A value as the schema understands it."""
        asked = Request(
            {**request.values, key: value}, {**request.origins, key: where}, None, request.registry
        )
        found = resolve(asked, catalog).flat()[key]
        return tuple(found) if isinstance(found, list) else found

    axes = []
    for key, wanted in content.items():
        where = lines.get(key, "space")
        _refuse_option(key, where, base, request)
        if isinstance(wanted, list):
            if not wanted:
                raise UserError(f"{where}: {key} has no value to try. Give a list of them.")
            axes.append(Axis(key, tuple(dict.fromkeys(meant(key, value, where) for value in wanted))))
        else:
            low, high, log = _ends(key, wanted, where)
            axes.append(_range_of(key, meant(key, low, where), meant(key, high, where), log, where))
    return Space(tuple(axes))


def _refuse_option(key: str, where: str, base: RunConfig, request: Request) -> None:
    known = [k for k in base.flat() if k.partition(".")[0] not in ("dataset", "data") and k not in FIXED]
    known = [k for k in known if not (k.split(".")[0] in KINDS and k.split(".")[1] in ("name", "plugin"))]
    if key not in known:
        if key in base.flat() or key.partition(".")[0] in ("dataset", "data") or key in KINDS:
            hint = " `fusionbench compare` varies it." if key in KINDS else ""
            raise UserError(
                f"{where}: {key} is the same for all trials of a study and can't be searched.{hint}"
            )
        beside = [other for other in known if other.split(".")[0] == key.split(".")[0]]
        raise UserError(
            f"{where}: no option {key!r}.{nearest(key, known)} Options: {', '.join(sorted(beside or known))}."
        )
    if key in request.values:
        raise UserError(
            f"{where}: {key} is searched, and set to {brief(request.values[key])} "
            f"({request.origins.get(key, 'base')}) too. Leave out one of them."
        )


def _ends(key: str, wanted: Any, where: str) -> tuple[Any, Any, bool]:
    """Low, high and whether the scale is logarithmic."""
    if not isinstance(wanted, Mapping):
        raise UserError(
            f"{where}: {key} needs a list of values, or low and high; got {brief(wanted)}. "
            f"As in {key}: [1, 2] or {key}: {{low: 1, high: 4}}."
        )
    extra = next((str(name) for name in wanted if name not in _RANGE), None)
    if extra is not None:
        raise UserError(
            f"{where}: the range of {key} has no {extra!r}.{nearest(extra, _RANGE)} "
            f"It has {', '.join(_RANGE)}."
        )
    log = wanted.get("log", False)
    if wanted.get("low") is None or wanted.get("high") is None or not isinstance(log, bool):
        raise UserError(
            f"{where}: {key} needs low and high, and log true or false; got {brief(dict(wanted))}."
        )
    return wanted["low"], wanted["high"], log


def _range_of(key: str, low: Any, high: Any, log: bool, where: str) -> Axis:
    numbers = all(isinstance(end, (int, float)) and not isinstance(end, bool) for end in (low, high))
    if not numbers or not low < high:
        raise UserError(f"{where}: {key} needs numbers low < high; got {brief(low)} and {brief(high)}.")
    if log and not low > 0:
        raise UserError(f"{where}: {key} is searched on a logarithmic scale, so low must be above 0.")
    return Axis.between(key, low, high, log, isinstance(low, int) and isinstance(high, int))
