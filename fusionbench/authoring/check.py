"""Holds an installed component to the rules of its role; datasets get files to be judged on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusionbench.bench.source import find_root
from fusionbench.catalog.run_config import Chosen
from fusionbench.contract import testing
from fusionbench.contract.dataset import Dataset, StandInClip, StandInPlan
from fusionbench.contract.errors import UserError
from fusionbench.contract.testing import Finding
from fusionbench.data.generate import generate

FRAMES = 8
"""frames of each generated clip: rules look at shapes, not at faces"""


@dataclass(frozen=True)
class Verdict:
    """What became of every rule for a component."""

    kind: str
    name: str
    judged_on: str
    """what a dataset or an importer was judged on; empty for the others"""
    findings: tuple[Finding, ...]

    @property
    def conforms(self) -> bool:
        """True where no rule is broken."""
        return not any(finding.state == "broken" for finding in self.findings)

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "judged_on": self.judged_on,
            "conforms": self.conforms,
            "findings": [finding.plain() for finding in self.findings],
        }


def conformance(chosen: Chosen, root: Path | None = None, dims: Mapping[str, int] | None = None) -> Verdict:
    """Hold a component with its options to the rules.

    Args:
        chosen: the component.
        root: for a dataset, its folder; None = a few generated clips, if it offers a stand-in,
            else the folder where runs look for it. For an importer, a source; None = no source.
        dims: for a head that fits certain streams only, stream -> width.

    Raises:
        UserError: there is no such folder.
    """
    if chosen.kind == "importer":
        return _judged(chosen, root, str(root or "no source"))
    if chosen.kind != "dataset":
        findings = testing.rules(chosen.cls, chosen.options, dims=dims)
        return Verdict(chosen.kind, chosen.name, "", tuple(findings))
    if root is None and chosen.cls.stand_in_plan() is not None:
        with tempfile.TemporaryDirectory() as scratch:
            generated = Path(scratch, chosen.plugin)
            generate(small(chosen.cls), generated, workers=1)
            return _judged(chosen, generated, "a few generated clips")
    found = find_root(chosen, root)
    if not found.is_dir():
        raise UserError(f"no folder {found} to check {chosen.name!r} on. Name it with --data-root PATH.")
    return _judged(chosen, found, str(found))


def _judged(chosen: Chosen, root: Path | None, judged_on: str) -> Verdict:
    findings = testing.rules(chosen.cls, chosen.options, root=root)
    return Verdict(chosen.kind, chosen.name, judged_on, tuple(findings))


def small(dataset: type[Dataset]) -> type[Dataset]:
    """The same dataset with as small a stand-in as can be judged, and even run on."""
    plan = dataset.stand_in_plan()
    assert plan is not None
    # Two people: where folds are made of people there are two, else there is one to select on.
    smaller = StandInPlan(plan.classes, dict.fromkeys(plan.splits, (2, 1)))

    class Small(dataset):  # type: ignore[misc, valid-type]
        @classmethod
        def stand_in_plan(cls) -> StandInPlan:
            return smaller

        @classmethod
        def write_stand_in(cls, root: Path, clips: Iterable[StandInClip]) -> None:
            cut = (replace(c, frames=c.frames[:FRAMES], landmarks=c.landmarks[:FRAMES]) for c in clips)
            super().write_stand_in(root, cut)

    return Small
