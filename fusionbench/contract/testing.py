"""The conformance kit, public as ``fb.testing``: does a component keep its role's promises?

::

    import fusionbench as fb
    from gated_fusion import GatedFusion

    def test_gated_keeps_the_rules():
        fb.testing.check(GatedFusion)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fusionbench.contract.checks.backbones import backbone_findings
from fusionbench.contract.checks.datasets import dataset_findings
from fusionbench.contract.checks.findings import Finding
from fusionbench.contract.checks.heads import head_findings
from fusionbench.contract.checks.importers import importer_findings
from fusionbench.contract.checks.relations import relation_findings
from fusionbench.contract.dataset import Dataset
from fusionbench.contract.errors import UserError
from fusionbench.contract.importer import Importer
from fusionbench.contract.options import Config
from fusionbench.contract.roles import Backbone, FusionHead, RelationEncoder

__all__ = ["Finding", "NotConforming", "check", "rules"]


class NotConforming(AssertionError):
    """A component breaks rules of its role; the message names each with its likely fix."""

    def __init__(self, component: str, findings: list[Finding]):
        self.findings = findings
        broken = [finding for finding in findings if finding.state == "broken"]
        lines = [f"{component} breaks {len(broken)} of {len(findings)} rules:"]
        for finding in broken:
            lines += [f"- {finding.rule}", f"    {finding.detail}", f"    likely fix: {finding.fix}"]
        super().__init__("\n".join(lines))


def check(
    component: type,
    config: Config | None = None,
    *,
    dims: Mapping[str, int] | None = None,
    root: Path | None = None,
    compile: bool = True,
) -> None:
    """Hold a component to every rule of its role.

    Args:
        component: a subclass of ``FusionHead``, ``RelationEncoder``, ``Backbone``, ``Dataset`` or
            ``Importer``.
        config: its options; None = its defaults.
        dims: for a head that fits certain streams only, stream -> width.
        root: for a dataset, the folder with its files; for an importer, a source, or None.
        compile: for a head, also report on ``torch.compile``, which is never required.

    Raises:
        NotConforming: a rule is broken.
        UserError: there is nothing to check: not one of the five roles, options missing, no root.
    """
    findings = rules(component, config, dims=dims, root=root, compile=compile)
    if any(finding.state == "broken" for finding in findings):
        raise NotConforming(component.__name__, findings)


def rules(
    component: Any,
    config: Config | None = None,
    *,
    dims: Mapping[str, int] | None = None,
    root: Path | None = None,
    compile: bool = True,
) -> list[Finding]:
    """What became of every rule: passed, broken or skipped. Arguments as for ``check``.

    Raises:
        UserError: as ``check``.
    """
    if not (
        isinstance(component, type)
        and issubclass(component, (FusionHead, RelationEncoder, Backbone, Dataset, Importer))
    ):
        raise UserError(
            f"nothing to check: {component!r} fills none of the five roles. "
            "Give a subclass of FusionHead, RelationEncoder, Backbone, Dataset or Importer."
        )
    options = config if config is not None else _defaults(component)
    if issubclass(component, FusionHead):
        return head_findings(component, options, dims, compile)
    if issubclass(component, RelationEncoder):
        return relation_findings(component, options)
    if issubclass(component, Backbone):
        return backbone_findings(component, options)
    if issubclass(component, Importer):
        return importer_findings(component, options, root)
    if root is None:
        raise UserError(f"{component.__name__} reads files: give root=FOLDER, the folder that holds them.")
    return dataset_findings(component, options, root)


def _defaults(component: Any) -> Any:
    try:
        return component.Config()
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{component.__name__}: option {option!r} has no usable default ({first['msg']}). "
            f"Give config={component.__name__}.Config({option}=...)."
        ) from error
