"""Streams of any origin: whatever ``fb.write_stream_store`` wrote, judged like every other dataset.

``--data-root`` names the store. Clips of split ``train`` are trained on, clips of split
``selection`` choose the epoch (where there are none, the protocol carves them out of ``train``),
and one other part is reported on; whole sequences, standardised on the training part.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field

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

    class Config(fb.Config):
        """Options."""

        report: str | None = Field(
            None, description="part that is reported on: test, val, ...; null = the only one there is"
        )

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

    def folds(self, clips: Sequence[fb.Clip]) -> list[fb.Fold]:
        """Trained on ``train``, reported on the chosen part; ``selection`` selects unless it is reported on.

        Raises:
            fb.UserError: there is no such part, or none or several to choose from and none was chosen.
        """
        sizes = Counter(clip.split for clip in clips)
        reported = self._reported(sizes)
        parts = {split: tuple(clip.id for clip in clips if clip.split == split) for split in sizes}
        selection = () if reported == "selection" else parts.get("selection", ())
        return [fb.Fold("official", parts.get("train", ()), parts[reported], selection)]

    def _reported(self, sizes: Mapping[str, int]) -> str:
        chosen = self.config.report
        tests = sorted(split for split in sizes if split not in ("train", "selection"))
        if chosen is not None:
            split = chosen if chosen in tests else fb.stored_split(chosen)
            if split and split in sizes and split != "train":
                return split
            wrong = "is what is trained on" if split == "train" else "is not there"
            raise fb.UserError(f"dataset.report={chosen}: {chosen!r} {wrong}. {self._choices(sizes)}")
        if len(tests) == 1:
            return tests[0]
        if tests:
            raise fb.UserError(f"{self.root} has {len(tests)} parts to report on. {self._choices(sizes)}")
        raise fb.UserError(f"{self.root} has no part to report on. {self._choices(sizes)}")

    def _choices(self, sizes: Mapping[str, int]) -> str:
        """Every part that could be reported on, with its size and its option."""
        parts = [split for split in sorted(sizes) if split != "train"]
        if len(parts) > 1:
            parts = [split for split in parts if split != "selection"] + ["selection"] * (
                "selection" in parts
            )
        if not parts:
            return (
                f"All its {sizes['train']} clips are to be trained on. "
                "Write it again with some clips of split test."
            )
        options = [
            f"--set dataset.report={'val' if split == 'selection' else split} ({sizes[split]} clips)"
            for split in parts
        ]
        return f"Choose {'one' if len(options) > 1 else 'it'}: {', '.join(options)}."


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [StreamsDataset]
