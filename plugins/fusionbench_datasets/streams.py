"""Streams of any origin: whatever ``fb.write_stream_store`` wrote, judged like every other dataset.

``--data-root`` names the store. Clips of split ``train`` are trained on, clips of split
``selection`` choose the epoch (where there are none, the protocol carves them out of ``train``),
and one other part is reported on; whole sequences, standardised on the training part.
Where clips name no split, folds are made: one subject left out at a time, or k parts of subjects.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

import fusionbench as fb

ALL = "all"


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

    class Config(fb.MadeFolds, fb.NamedClasses, fb.Window):
        """Options."""

        padding: Literal["black", "repeat"] = Field(
            "repeat", description="what a window sees beyond its clip: repeat = the first or last step"
        )
        report: str | None = Field(
            None,
            description="part that is reported on: test, val, ...; null = the only one there is. With folds: "
            "what they are made of, train or all",
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
        """The store's own parts, or folds that are made of its clips.

        Of its own parts ``train`` is trained on, the chosen one reported on, and ``selection`` selects
        unless it is reported on. Folds are made of all clips where they name no split; else of those
        that the option ``report`` says, since a part that was kept apart is not to be trained on unasked.

        Raises:
            fb.UserError: there is no such part, none or several to choose from and none was chosen, or
                folds cannot be made.
        """
        self._refuse_idle_window(clips)
        sizes = Counter(clip.split for clip in clips)
        if self.config.folds is not None:
            return self._made(clips, sizes)
        if self.config.repeat > 1:
            raise fb.UserError(
                f"dataset.repeat={self.config.repeat} repeats folds, and there are none. Add dataset.folds."
            )
        if "" in sizes:
            raise fb.UserError(f"{self.root} has no parts: its clips name no split. {_folds_of(clips)}")
        reported = self._reported(sizes)
        parts = {split: tuple(clip.id for clip in clips if clip.split == split) for split in sizes}
        selection = () if reported == "selection" else parts.get("selection", ())
        return [fb.Fold("official", parts.get("train", ()), parts[reported], selection)]

    def _refuse_idle_window(self, clips: Sequence[fb.Clip]) -> None:
        usual = type(self.config)()
        given = [
            name for name in fb.Window.model_fields if getattr(self.config, name) != getattr(usual, name)
        ]
        if given and not any(clip.labels for clip in clips):
            raise fb.UserError(
                f"dataset.{given[0]} says how a labelled step is seen, but {self.root} labels whole clips. "
                f"Leave out dataset.{given[0]}, or write labels of each step (labels: (time,))."
            )

    def _made(self, clips: Sequence[fb.Clip], sizes: Mapping[str, int]) -> list[fb.Fold]:
        asked, folds = self.config.report, self.config.folds
        choice = (
            f"Choose what folds are made of: --set dataset.report=train ({sizes.get('train', 0)} clips; the "
            f"other parts are left alone) or --set dataset.report={ALL} ({len(clips)} clips, whatever their "
            "part)."
        )
        if asked not in (None, "train", ALL):
            raise fb.UserError(
                f"dataset.report={asked} names one part, but with dataset.folds={folds} each fold is "
                f"reported on. {'Leave out dataset.report.' if len(sizes) == 1 else choice}"
            )
        if asked is None and len(sizes) > 1:
            parts = ", ".join(f"{split} ({count} clips)" for split, count in sorted(sizes.items()))
            raise fb.UserError(f"{self.root} has parts of its own: {parts}. {choice}")
        if asked == "train":
            clips = [clip for clip in clips if clip.split in ("train", "")]
        return fb.make_folds(clips, folds, seed=self.protocol.seed, repeat=self.config.repeat)

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
                "Write it again with some clips of split test, or make folds: --set dataset.folds=5, or loso."
            )
        options = [
            f"--set dataset.report={'val' if split == 'selection' else split} ({sizes[split]} clips)"
            for split in parts
        ]
        return f"Choose {'one' if len(options) > 1 else 'it'}: {', '.join(options)}."


def _folds_of(clips: Sequence[fb.Clip]) -> str:
    """How folds could be made of clips."""
    people = len(fb.subjects_of(clips))
    loso = f"--set dataset.folds=loso ({people} subjects, one left out at a time), or " if people > 1 else ""
    return f"Choose how folds are made: {loso}--set dataset.folds=5, or another number of parts."


@fb.hookimpl
def datasets() -> list[type[fb.Dataset]]:
    return [StreamsDataset]
