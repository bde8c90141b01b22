"""Which label of a clip is read, and how one on a scale becomes a class.

The rules are those that the field counts its accuracies by: thuiar/MMSA@177bc046
``src/MMSA/utils/metricsTop.py`` (``Non0_acc_2``, ``Has0_acc_2``, ``Mult_acc_7``; for SIMS
``Mult_acc_2``, ``_3``, ``_5``) and pliang279/MultiBench@3d853f78 ``eval_scripts/performance.py``
(``eval_affect`` leaves 0 out).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from fusionbench.contract.errors import UserError, brief, nearest
from fusionbench.exchange.leaving_out import LeftOut

SIGNS = ("negative", "neutral", "positive")
_SIMS = ("negative", "weakly negative", "neutral", "weakly positive", "positive")


@dataclass(frozen=True)
class Rule:
    """How a number becomes a class."""

    says: str
    """in words, and what becomes of 0"""
    largest: float
    """numbers lie between this and its negative"""
    cut: Callable[[float], str | None]
    """number -> class; None where the clip is left out"""


def _sign(value: float) -> str:
    return SIGNS[(value > 0) - (value < 0) + 1]


def _bins(edges: Sequence[float], names: Sequence[str]) -> Callable[[float], str]:
    """Classes that each reach up to an edge, the edge included."""
    return lambda value: names[sum(value > edge for edge in edges)]


RULES: Mapping[str, Rule] = {
    "sentiment2": Rule("below 0, above 0; clips of 0 are left out", 3, lambda v: _sign(v) if v else None),
    "sentiment2-has0": Rule("below 0; 0 and above", 3, lambda v: SIGNS[0] if v < 0 else SIGNS[2]),
    "sentiment3": Rule("below 0, 0, above 0", 3, _sign),
    "sentiment7": Rule(
        "rounded to -3 .. 3, halves to even; 0 is from -0.5 to 0.5", 3, lambda v: str(round(v))
    ),
    "sims2": Rule("up to 0, which is included; above 0", 1, _bins([0], SIGNS[::2])),
    "sims3": Rule("up to -0.1, up to 0.1, above; 0 is neutral", 1, _bins([-0.1, 0.1], SIGNS)),
    "sims5": Rule("up to -0.7, -0.1, 0.1, 0.7, above; 0 is neutral", 1, _bins([-0.7, -0.1, 0.1, 0.7], _SIMS)),
}
"""name -> a rule"""


@dataclass(frozen=True)
class Label:
    """The label that is read, and the rule that cuts it; no rule where its values are classes already."""

    name: str
    rule: str | None = None

    def of(self, clip: str, labels: Mapping[str, Any]) -> Any:
        """The class of a clip.

        Raises:
            LeftOut: it has none.
            UserError: its label is no class and no rule cuts it, or lies outside of the rule's scale.
        """
        value: Any = labels.get(self.name)
        value = value.item() if getattr(value, "shape", None) == () else value
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
        if value is None or value == "" or (number is not None and math.isnan(number)):
            raise LeftOut(f"label {self.name!r} is not given")
        if self.rule is None:
            if number is not None and not number.is_integer():
                raise UserError(
                    f"clip {clip!r}: label {self.name!r} is {number:g}, a number on a scale. Cut it into "
                    f"classes: {_offered(f'--label {self.name}:')}."
                )
            return value
        rule = RULES[self.rule]
        if number is None or not abs(number) <= rule.largest:
            raise UserError(
                f"clip {clip!r}: label {self.name!r} is {brief(value)}; {self.rule} cuts numbers from "
                f"{-rule.largest:g} to {rule.largest:g}. Leave the rule out, or name another label."
            )
        found = rule.cut(number)
        if found is None:
            raise LeftOut(f"label {self.name!r} is 0, which {self.rule} leaves out")
        return found

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"name": self.name, "rule": self.rule, "says": RULES[self.rule].says if self.rule else None}

    def __str__(self) -> str:
        return f"label {self.name!r}" + (f" by {self.rule}: {RULES[self.rule].says}" if self.rule else "")


def choose_label(asked: str | None, labels: Iterable[str], scale: str | None = None) -> Label:
    """The label that ``--label`` names.

    Args:
        asked: a label, a rule for the label on a scale, or ``LABEL:RULE``; None = the default label.
        labels: what there is, the default first.
        scale: the label on a scale; None = the default label.

    Raises:
        UserError: there is no such label or rule.
    """
    names = list(labels)
    if not names:
        raise UserError(
            "the source names no label. Give --clips FILE, a table with a row for each clip: "
            "id, label, and perhaps split and subject."
        )
    if asked is None:
        return Label(names[0])
    if asked in names:
        return Label(asked)
    name, colon, rule = asked.rpartition(":")
    chosen = Label(name if colon else scale or names[0], rule)
    if rule not in RULES or chosen.name not in names:
        known = [*names, *RULES]
        wrong = name if colon and name not in names else rule
        raise UserError(
            f"--label {asked}: no label or rule {wrong!r}.{nearest(wrong, known)} Labels: "
            f"{', '.join(names)} (default: {names[0]}). Rules for numbers: {_offered('')}. "
            "Write LABEL, RULE or LABEL:RULE."
        )
    return chosen


def _offered(before: str) -> str:
    return "; ".join(f"{before}{name} ({rule.says.replace(';', ',')})" for name, rule in RULES.items())
