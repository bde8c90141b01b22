"""Hook specifications: what a plugin may say, and when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from fusionbench.contract.aligner import Aligner
    from fusionbench.contract.dataset import Dataset
    from fusionbench.contract.importer import Importer
    from fusionbench.contract.roles import Backbone, FusionHead, RelationEncoder

PROJECT = "fusionbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class RunInfo:
    """What an observer is told about a run."""

    name: str
    identity: str
    config: Mapping[str, Any]
    stand_in: bool


class Hooks:
    """The hooks of fusionbench. The first six are asked once, when names are first looked up."""

    @hookspec
    def backbones(self) -> list[type[Backbone]]:  # type: ignore[empty-body]
        """Backbone classes this plugin offers."""

    @hookspec
    def relation_encoders(self) -> list[type[RelationEncoder]]:  # type: ignore[empty-body]
        """Relation encoder classes this plugin offers."""

    @hookspec
    def fusion_heads(self) -> list[type[FusionHead]]:  # type: ignore[empty-body]
        """Fusion head classes this plugin offers."""

    @hookspec
    def datasets(self) -> list[type[Dataset]]:  # type: ignore[empty-body]
        """Dataset classes this plugin offers."""

    @hookspec
    def importers(self) -> list[type[Importer]]:  # type: ignore[empty-body]
        """Importer classes this plugin offers."""

    @hookspec
    def aligners(self) -> list[type[Aligner]]:  # type: ignore[empty-body]
        """Aligner classes this plugin offers."""

    @hookspec
    def run_started(self, run: RunInfo) -> None:
        """A run is about to train."""

    @hookspec
    def epoch_ended(self, run: RunInfo, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch was trained and judged on the selection split."""

    @hookspec
    def run_ended(self, run: RunInfo, report: Mapping[str, float]) -> None:
        """The report split was evaluated."""
