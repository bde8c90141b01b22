"""Which check runs which fixture, how closely it must agree, and the row that says whether it does.

A check takes a fixture and a precision, runs our code on its input and returns
``{what: (ours, reference)}``. A module of checks has ``CHECKS``, keyed by the start of
the fixture's name (the longest match counts), and may have ``RELATIVE``: fixtures whose
difference is taken relative to the largest reference value.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.parity.fixture import Fixture, load_folder as load_folder

Check = Callable[[Fixture, torch.dtype], dict[str, tuple[Tensor, Tensor]]]

MODULES = ("formula", "graphs", "heads", "mult", "temma", "relations", "backbones")
GATES = {torch.float32: 1e-5, torch.float64: 1e-6}
"""largest difference from the reference"""
ROUNDING = 2.0**-24
"""of a float64 result stored as float32, relative to the value itself"""


@dataclass(frozen=True)
class Row:
    """The verdict on one fixture."""

    name: str
    difference: float | None
    """largest one in float32; None where nothing was compared"""
    verdict: str
    """``PASS``, ``FAIL`` or ``UNSUPPORTED``"""
    detail: str = ""
    """what failed and how, in both precisions"""

    def __str__(self) -> str:
        shown = "-" if self.difference is None else f"{self.difference:.2e}"
        return f"{self.name:44} {shown:>9}  {self.verdict}" + (f"  ({self.detail})" if self.detail else "")


def checks() -> tuple[dict[str, Check], set[str]]:
    """Every check by the name its fixtures start with, and the names that are judged relatively."""
    found: dict[str, Check] = {}
    relative: set[str] = set()
    for name in MODULES:
        if importlib.util.find_spec(f"tests.parity.{name}"):
            module = importlib.import_module(f"tests.parity.{name}")
            found |= module.CHECKS
            relative |= getattr(module, "RELATIVE", set())
    return found, relative


def difference(ours: Tensor, reference: Tensor, relative: bool) -> float:
    """Largest absolute difference, over the largest reference value where ``relative``; inf on shapes."""
    if ours.shape != reference.shape:
        return float("inf")
    gap = (ours.double() - reference.double()).abs().max().item()
    return gap / reference.abs().max().item() if relative else gap


def limit(dtype: torch.dtype, reference: Tensor, relative: bool) -> float:
    """The largest difference allowed: the gate, and what storing a float64 result as float32 may cost."""
    largest = 1.0 if relative else reference.double().abs().max().item()
    return GATES[dtype] + (ROUNDING * largest if dtype is torch.float64 else 0.0)


def judge(fixture: Fixture) -> Row:
    """Run a fixture's check in float32 and float64."""
    known, relative_names = checks()
    matching = [prefix for prefix in known if fixture.name.startswith(prefix)]
    if not matching:
        return Row(fixture.name, None, "UNSUPPORTED")
    prefix = max(matching, key=len)
    relative = prefix in relative_names
    worst: dict[torch.dtype, float] = {}
    failures = []
    for dtype in GATES:
        try:
            with torch.no_grad():
                compared = known[prefix](fixture, dtype)
        except (AssertionError, LookupError, RuntimeError, ValueError) as error:
            return Row(fixture.name, None, "FAIL", f"{type(error).__name__}: {error}")
        gaps = {what: difference(*pair, relative) for what, pair in compared.items()}
        worst[dtype] = max(gaps.values())
        failures += [
            f"{what} {gaps[what]:.1e} in {dtype}"
            for what, (_, reference) in compared.items()
            if not gaps[what] <= limit(dtype, reference, relative)
        ]
    return Row(fixture.name, worst[torch.float32], "FAIL" if failures else "PASS", "; ".join(failures))
