"""A fold to three loaders: what is trained on, what selects, what is reported."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.bench.parts import Parts, part_fold
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.dataset import Clip, Fold
from fusionbench.data.loader import ClipLoader


@dataclass(frozen=True)
class Loaders:
    """One loader a split; ``fit`` is handed the first two only."""

    train: ClipLoader
    selection: ClipLoader
    report: ClipLoader
    parts: Parts
    """the clips behind them"""

    @property
    def max_time(self) -> int:
        """The longest clip of any split, in frames, as the loaders cut it."""
        return max(loader.max_time for loader in (self.train, self.selection, self.report))


def load(config: RunConfig, data: RunData, fold: Fold) -> Loaders:
    """Part a fold and open its three loaders.

    Raises:
        UserError: no selection split can be carved, or a class has none to train on.
    """
    parts = part_fold(fold, data.clips, data.dataset.protocol)
    sampled = config.options.sampling.frames
    size = config.options.training.batch_size

    def loader(clips: tuple[Clip, ...], seed: int | None = None) -> ClipLoader:
        ids = [clip.id for clip in clips]
        return ClipLoader(data.index, data.arrays, ids, data.dataset.classes, sampled, size, seed)

    return Loaders(
        loader(parts.train, config.options.seed), loader(parts.selection), loader(parts.report), parts
    )
