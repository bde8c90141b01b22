"""Prepared faces: whatever ``fusionbench prepare`` wrote, judged like every other dataset.

``--data-root`` names the store. Parts and folds are those of ``streams``: clips of split ``train`` are
trained on, and so on; where no clip has a split, ``dataset.folds`` makes folds.
"""

from __future__ import annotations

import fusionbench as fb

from .streams import StreamsDataset


class Frames(fb.PreparedDataset, StreamsDataset):
    """A prepared store; the classes are the labels of its training clips.

    Frames without a face are left out when a clip is read. Clips without a label can be predicted, and
    are never trained or reported on.
    """

    name = "frames"
    precomputed = False
    protocol = fb.Protocol()
    run_defaults = {}


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [Frames]
