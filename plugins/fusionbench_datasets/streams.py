"""Streams of any origin: whatever ``fb.write_stream_store`` wrote, judged like every other dataset.

``--data-root`` names the store. Clips of split ``train`` are trained and selected on,
clips of split ``report`` are reported on; whole sequences, standardised on the training part.
"""

from __future__ import annotations

import os

import fusionbench as fb


class StreamsDataset(fb.Dataset):
    """Precomputed feature streams; the classes are the labels of the store's training clips."""

    name = "streams"
    precomputed = True
    protocol = fb.Protocol(frames=None)
    run_defaults = {  # chosen inside the training splits of GFE and BasicMotions (tests/real_sets)
        "front_end.widen": 64,
        "front_end.narrow": 256,
        "training.epochs": 40,
        "training.batch_size": 8,
        "training.lr": 2e-3,
        "training.weight_decay": 1e-4,
    }

    def scan(self) -> fb.Inventory:
        try:
            return fb.Inventory(fb.open_stream_store(self.root).index.clips)
        except fb.UserError as error:
            if os.path.lexists(self.root / "store.json"):
                raise
            raise fb.UserError(
                f"no streams at {self.root}: it holds no store.json. "
                "Write a store with fb.write_stream_store(PATH, clips), then give --data-root PATH."
            ) from error

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        raise fb.UserError(
            f"{self.root} holds streams, which are stored as numbers: there is nothing to decode. "
            "They were checked when they were written; leave out --decode."
        )


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [StreamsDataset]
