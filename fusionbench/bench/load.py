"""A fold to three loaders: what is trained on, what selects, what is reported."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.dataset import Fold
from fusionbench.data.folds import carve_selection
from fusionbench.data.loader import ClipLoader


@dataclass(frozen=True)
class Loaders:
    """One loader a split; ``fit`` is handed the first two only."""

    train: ClipLoader
    selection: ClipLoader
    report: ClipLoader

    @property
    def max_time(self) -> int:
        """The longest clip of any split, in frames, as the loaders cut it."""
        return max(loader.max_time for loader in (self.train, self.selection, self.report))


def load(config: RunConfig, data: RunData, fold: Fold) -> Loaders:
    """Carve the selection split and open the three loaders of a fold.

    Raises:
        UserError: no selection split can be carved.
    """
    protocol = data.dataset.protocol
    clips = [data.index.clips[place] for place in data.index.places(fold.train)]
    train, selection = carve_selection(clips, protocol.selection_fraction, protocol.seed)
    sampled = config.options.sampling.frames
    size = config.options.training.batch_size

    def loader(ids: list[str], seed: int | None = None) -> ClipLoader:
        return ClipLoader(data.index, data.arrays, ids, data.dataset.classes, sampled, size, seed)

    return Loaders(loader(train, config.options.seed), loader(selection), loader(sorted(fold.report)))
