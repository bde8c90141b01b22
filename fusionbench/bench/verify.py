"""Sets what is on disk against what was published, down to every clip if asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fusionbench.bench.source import scan
from fusionbench.catalog.run_config import Chosen, DataOptions
from fusionbench.contract.dataset import Inventory, Problem
from fusionbench.contract.errors import BadClip
from fusionbench.contract.watch import Watch


@dataclass(frozen=True)
class Verified:
    """What was found of a dataset."""

    dataset: str
    root: Path
    stand_in: bool
    inventory: Inventory

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "stand_in": self.stand_in,
            "found": self.inventory.found,
            "published": dict(self.inventory.published),
            "problems": [asdict(problem) for problem in self.inventory.problems],
        }


def verify(chosen: Chosen, root: Path | None, decode: bool, watch: Watch) -> Verified:
    """Scan a dataset; with ``decode`` also decode every clip.

    Raises:
        UserError: the dataset is not there.
    """
    dataset, inventory, stand_in = scan(chosen, DataOptions(root=root), Watch())
    if decode:
        unreadable = []
        for done, clip in enumerate(inventory.clips):
            watch.progress("decoding clips", done, len(inventory.clips))
            try:
                dataset.read(clip)
            except BadClip as error:
                unreadable.append(Problem(clip.id, str(error)))
        watch.progress("decoding clips", len(inventory.clips), len(inventory.clips))
        inventory = replace(inventory, problems=(*inventory.problems, *unreadable))
    return Verified(chosen.plugin, dataset.root, stand_in, inventory)
