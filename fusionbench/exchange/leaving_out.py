"""Clips that get no place in the store: why, and how many for each reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fusionbench.contract.dataset import Problem
from fusionbench.data.findings import listed

_NAMED = 20
"""clips that the store names; all are given to whoever asked for the import"""


class LeftOut(Exception):
    """Raised for a clip that is to be left out.

    Args:
        reason: why, in words that every such clip shares.
        detail: what is this clip's own.
    """

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class LeavingOut:
    """Remembers the clips that were left out."""

    def __init__(self) -> None:
        self.clips: list[Problem] = []
        self._reasons: Counter[str] = Counter()
        self._first: dict[str, list[str]] = {}

    def add(self, clip: str, why: LeftOut) -> None:
        """Leave one clip out."""
        self._remember(Problem(clip, str(why)), why.reason)

    def take(self, problems: Iterable[Problem]) -> None:
        """Take over what an importer could not read."""
        for problem in problems:
            self._remember(problem, problem.reason)

    def _remember(self, problem: Problem, reason: str) -> None:
        self.clips.append(problem)
        self._reasons[reason] += 1
        self._first.setdefault(reason, [])
        if len(self._first[reason]) < _NAMED:
            self._first[reason].append(problem.clip)

    def plain(self) -> dict[str, Any]:
        """As the store says it: how many, and for each reason how many and the first of them."""
        reasons = {r: {"clips": n, "first": self._first[r]} for r, n in self._reasons.items()}
        return {"clips": len(self.clips), "reasons": reasons}

    def told(self) -> list[str]:
        """Each reason with its clips, in sentences."""
        return [
            f"left out: {count:,} clip(s), {reason}: {listed(self._first[reason], 3)}."
            if count <= _NAMED
            else f"left out: {count:,} clip(s), {reason}, such as {', '.join(self._first[reason][:3])}."
            for reason, count in self._reasons.items()
        ]
