"""A rule, what it found, and how it says that something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor

from fusionbench.contract.blame import raised, remedy

SEED = 2511
"""every rule draws from here, so that a finding can be had again"""
TOLERANCE = 1e-4
"""of what ought to be equal in float32, relative to its largest magnitude"""
MEND_FIRST = "mend first: "
"""how the detail of a rule begins that waits for an essential one before it"""
SMALLEST_SCALE = 0.1
"""magnitudes below are compared as if they were this large: rounding does not shrink with them"""

Subject = TypeVar("Subject")
State = Literal["passed", "broken", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What became of one rule."""

    rule: str
    state: State
    detail: str = ""
    """what came and what was expected, or why the rule was skipped"""
    fix: str = ""
    """the likely remedy of a broken rule"""

    @property
    def waits(self) -> bool:
        """True where a rule before it has to be mended first."""
        return self.detail.startswith(MEND_FIRST)

    def plain(self) -> dict[str, str]:
        """As JSON can hold it."""
        return asdict(self)


class Broken(Exception):
    """Raised by a rule: what came and what was expected; ``fix`` replaces the rule's usual remedy."""

    def __init__(self, message: str, fix: str = ""):
        super().__init__(message)
        self.fix = fix


class Skipped(Exception):
    """Raised by a rule that does not apply; the message says why."""


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """One promise of the contract."""

    name: str
    look: Callable[[Subject], str | None]
    """raises ``Broken`` or ``Skipped``, else returns a remark or nothing"""
    fix: str
    essential: bool = False
    """where it is broken, the rules after it cannot be judged"""


def judge(rules: Sequence[Rule[Subject]], subject: Subject) -> list[Finding]:
    """Every rule's finding, in the order of the rules."""
    findings: list[Finding] = []
    blocked = ""
    for rule in rules:
        if blocked:
            findings.append(Finding(rule.name, "skipped", f"{MEND_FIRST}{blocked}"))
            continue
        findings.append(_finding(rule, subject))
        if rule.essential and findings[-1].state == "broken":
            blocked = rule.name
    return findings


def _finding(rule: Rule[Subject], subject: Subject) -> Finding:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        try:
            return Finding(rule.name, "passed", rule.look(subject) or "")
        except Skipped as reason:
            return Finding(rule.name, "skipped", str(reason))
        except Broken as broken:
            return Finding(rule.name, "broken", str(broken), broken.fix or rule.fix)
        except Exception as error:  # a stranger's code may raise anything; the rule it broke is named
            return Finding(rule.name, "broken", raised(error), remedy(error) or rule.fix)


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest expected magnitude; NaN where either has one."""
    scale = max(expected.abs().max().item(), SMALLEST_SCALE)
    return (found - expected).abs().max().item() / scale


def differs(found: Tensor, expected: Tensor) -> bool:
    """True where two tensors are not the same but for rounding."""
    return not difference(found, expected) <= TOLERANCE


def percent(share: float) -> str:
    """A difference as people read it: of the largest magnitude."""
    return f"{100 * share:,.0f} %" if share >= 1 else f"{100 * share:.3g} %"


def expect_tensor(value: Any, shape: tuple[int, ...], what: str, axes: str) -> Tensor:
    """``value``, if it is a finite tensor of ``shape``.

    Args:
        value: what a component returned.
        shape: the sizes it must have.
        what: its name in the message.
        axes: the sizes in words: ``(batch, classes)``.

    Raises:
        Broken: it is not.
    """
    if not isinstance(value, Tensor):
        raise Broken(f"{what}: got {type(value).__name__}; expected a tensor {axes} = {shape}")
    if value.shape != shape:
        raise Broken(f"{what}: got {tuple(value.shape)}; expected {axes} = {shape}")
    if not torch.isfinite(value).all():
        raise Broken(f"{what}: holds NaN or infinite values; expected finite ones")
    return value
