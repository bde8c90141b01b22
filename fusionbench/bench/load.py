"""A fold to three loaders: what is trained on, what selects, what is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusionbench.bench.parts import Parts, part_fold
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.dataset import Clip, Fold
from fusionbench.contract.errors import UserError
from fusionbench.data.frame_loader import FrameLoader, SequenceLoader
from fusionbench.data.loader import ClipLoader


@dataclass(frozen=True)
class Learning:
    """What a model is trained and chosen on; no loader of the report split is made."""

    train: ClipLoader
    selection: ClipLoader
    max_time: int
    """the longest clip of any split, in frames, as loaders cut it: heads are built for it"""


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
    train, selection = _of_learning(config, data, parts)
    return Loaders(train, selection, _loader(config, data, parts.report), parts)


def load_learning(config: RunConfig, data: RunData, fold: Fold) -> Learning:
    """Part a fold and open the loaders that choosing needs; errors as ``load``."""
    parts = part_fold(fold, data.clips, data.dataset.protocol)
    train, selection = _of_learning(config, data, parts)
    if data.window is not None and not data.each_step:  # every sample has as many frames
        return Learning(train, selection, train.max_time)
    every = [clip.id for part in (parts.train, parts.selection, parts.report) for clip in part]
    longest = int(data.index.rows[data.index.places(every)].max(initial=1))
    return Learning(train, selection, min(longest, config.options.sampling.frames or longest))


def _of_learning(config: RunConfig, data: RunData, parts: Parts) -> tuple[ClipLoader, ClipLoader]:
    train = _loader(config, data, parts.train, config.options.seed)
    return train, _loader(config, data, parts.selection)


def _loader(config: RunConfig, data: RunData, clips: tuple[Clip, ...], seed: int | None = None) -> ClipLoader:
    sampled, size = config.options.sampling.frames, config.options.training.batch_size
    return open_loader(data, data.arrays, [clip.id for clip in clips], sampled, size, seed)


def open_loader(
    data: RunData,
    arrays: Mapping[str, np.ndarray],
    clips: Sequence[str],
    sampled: int | None,
    batch_size: int,
    seed: int | None = None,
) -> ClipLoader:
    """A loader of clips, or of their judged frames where frames are labelled one by one.

    Raises:
        UserError: frames are to be sampled from a window, or streams padded with a black image.
    """
    classes, window = data.dataset.classes, data.window
    if window is None:
        return ClipLoader(data.index, arrays, clips, classes, sampled, batch_size, seed)
    if sampled is not None:
        raise UserError(
            f"sampling.frames={sampled}: {data.dataset.name} labels single frames, and each is seen through "
            f"{f'dataset.window={window.window} frames' if window.window else 'its whole clip'}. "
            "Leave out sampling.frames, or set dataset.window."
        )
    if window.window is None:
        return SequenceLoader(data.index, arrays, clips, classes, batch_size, seed)
    if window.padding == "black" and data.dataset.precomputed:
        raise UserError(
            "dataset.padding=black: streams that come ready made hold no image. "
            "Repeat the first and last frame: --set dataset.padding=repeat."
        )
    return FrameLoader(data.index, arrays, clips, classes, window, batch_size, seed, data.black)
