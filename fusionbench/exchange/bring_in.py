"""An import from its source to a stream store, clip by clip; what was seen and done is kept with it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.dataset import Problem
from fusionbench.contract.errors import UserError
from fusionbench.contract.importer import Contents, Importer, SourceClip
from fusionbench.contract.reading import reading
from fusionbench.contract.watch import Watch
from fusionbench.data.findings import Finding
from fusionbench.data.labels import in_order
from fusionbench.data.splits import SELECTION, TRAIN, is_reported
from fusionbench.data.stream_store import open_stream_store, write_streams
from fusionbench.exchange import missing
from fusionbench.exchange.clips_file import ClipsFile, read_clips_file
from fusionbench.exchange.clock import Clock
from fusionbench.exchange.labels import Label, choose_label
from fusionbench.exchange.leaving_out import LeavingOut, LeftOut
from fusionbench.exchange.missing import Missing
from fusionbench.exchange.padding import Padding
from fusionbench.exchange.shapes import Shapes, as_streams
from fusionbench.exchange.sources import hashed

TASK = "importing (clips)"
_OFTEN = 5_000
"""clips between two lines where their number is not known beforehand"""


@dataclass(frozen=True)
class Choices:
    """What a user decides about the clips of any format."""

    label: str | None = None
    clock: Clock = field(default_factory=lambda: Clock(None, None))
    missing: missing.Rule | None = None
    clips: Path | None = None


@dataclass(frozen=True)
class Imported:
    """What an import came to."""

    format: str
    store: Path
    parts: dict[str, dict[str, int]]
    """split (empty: none, folds decide) -> class -> clips"""
    streams: dict[str, int]
    """name -> width"""
    seen: tuple[str, ...]
    """what was found in the source and done to it, in sentences"""
    left_out: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    """what a number made from the store would hide"""
    made: dict[str, Any]
    """what the store says of its making"""

    @property
    def next(self) -> tuple[str, ...]:
        """The commands that follow."""
        root = f"--data-root {shlex.quote(str(self.store))}"
        return (
            f"fusionbench data verify streams {root}",
            f"fusionbench run --fusion arpg --dataset streams {root}{_parts_option(list(self.parts))}",
        )

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "format": self.format,
            "store": str(self.store),
            "clips": sum(sum(part.values()) for part in self.parts.values()),
            "parts": self.parts,
            "streams": self.streams,
            "seen": list(self.seen),
            "left_out": [{"clip": p.clip, "reason": p.reason} for p in self.left_out],
            "findings": [finding.plain() for finding in self.findings],
            "made": self.made,
            "next": list(self.next),
        }


def import_features(chosen: Chosen, source: Path, out: Path, choices: Choices, watch: Watch) -> Imported:
    """Read a source with an importer and write what it holds as a stream store.

    Args:
        chosen: the importer with its options.
        source: file or folder.
        out: folder of the store; one that is there is replaced when the new one is complete.
        choices: what is done about labels, clocks, holes and parts.
        watch: told how far it is.

    Raises:
        UserError: the source cannot be read, or something in it asks for a choice that was not made.
    """
    work = _Import(chosen, source, choices, watch)
    findings = write_streams(out, work.clips(), made=work.made)
    store = open_stream_store(out)
    parts: dict[str, Counter[str]] = {}
    for clip in store.index.clips:
        parts.setdefault(clip.split, Counter())[clip.label] += 1
    return Imported(
        chosen.name,
        out,
        {
            split: {label: parts[split][label] for label in in_order(parts[split])}
            for split in _in_order(parts)
        },
        {name: array.shape[1] for name, array in store.arrays.items()},
        tuple(work.told()),
        tuple(work.left_out.clips),
        tuple(findings),
        dict(store.made),
    )


class _Import:
    """One import under way."""

    def __init__(self, chosen: Chosen, source: Path, choices: Choices, watch: Watch):
        self.chosen, self.source, self.choices, self.watch = chosen, source, choices, watch
        self.contents = self._contents()
        self.table: ClipsFile = read_clips_file(choices.clips)
        self.names = list(dict.fromkeys([*self.table.labels, *self.contents.labels]))
        self.label: Label = choose_label(choices.label, self.names, self.contents.scale)
        self.shapes, self.padding = Shapes(), Padding()
        self.missing = Missing(choices.missing)
        self.left_out = LeavingOut()

    def _contents(self) -> Contents:
        with reading(self.chosen.name, self.source, _advice(self.chosen)):
            importer: Importer = self.chosen.cls(self.chosen.options)
            return importer.read(self.source)

    def _read(self, contents: Contents) -> Iterator[SourceClip]:
        with reading(self.chosen.name, self.source, _advice(self.chosen)):
            yield from contents.clips

    def clips(self) -> Iterator[dict[str, Any]]:
        """The clips as a store takes them, less those that are left out."""
        total, kept = self.contents.total, 0
        for done, clip in enumerate(self._read(self.contents)):
            if total is not None:
                self.watch.progress(TASK, done, max(total, done))
            elif done and done % _OFTEN == 0:
                self.watch.note(f"{done:,} clips so far")
            try:
                yield self._one(clip)
                kept += 1
            except LeftOut as why:
                self.left_out.add(clip.id, why)
        if total is not None:
            self.watch.progress(TASK, total, total)
        self.left_out.take(self.contents.left_out)
        if not kept:
            raise UserError(
                f"{self.source}: no clip is left. {' '.join(self.left_out.told()) or 'It has none.'}"
            )

    def _one(self, clip: SourceClip) -> dict[str, Any]:
        clip = self.table.over(clip)
        label = self.label.of(clip.id, clip.labels)
        parted = {"split": clip.split} if clip.split else {}  # without any, folds decide
        return {
            "id": clip.id,
            "label": label,
            "subject": clip.subject,
            **parted,
            "streams": self._streams(clip),
        }

    def _streams(self, clip: SourceClip) -> dict[str, np.ndarray]:
        streams = as_streams(clip)
        self.shapes.add(streams)
        if self.contents.padded:
            streams = self.padding.cut(streams)
        empty = [name for name, values in streams.items() if not len(values)]
        if empty or not streams:
            raise LeftOut(f"stream {empty[0]!r} has no frame" if empty else "every stream is zero throughout")
        streams = {name: self.missing.filled(clip.id, name, values) for name, values in streams.items()}
        streams = self.choices.clock.common(clip.id, streams, clip.intervals)
        return {
            name: self.missing.filled(clip.id, name, values, " of the clock, which nothing overlaps")
            for name, values in streams.items()
        }

    def told(self) -> list[str]:
        """What was seen and done, in sentences."""
        others = [name for name in self.names if name != self.label.name]
        said = [f"{self.label}." + (f" Other labels: {', '.join(others)}." if others else "")]
        return [
            *self.shapes.told(),
            *self.contents.seen,
            *said,
            *self.padding.told(),
            *self.missing.told(),
            *self.choices.clock.told(),
            *self.table.told(),
            *self.left_out.told(),
        ]

    def made(self) -> dict[str, Any]:
        """What the store says of its making."""
        clock = self.choices.clock
        return {
            "source": "import",
            "format": self.chosen.plugin,
            "version": self.chosen.version,
            "options": self.chosen.options.model_dump(mode="json"),
            "content": hashed(self.source, self.contents.files),
            "clips_file": hashed(self.choices.clips, [self.choices.clips]) if self.choices.clips else None,
            "label": self.label.plain(),
            "clock": {"stream": clock.stream, "rule": clock.rule} if clock.rule else None,
            "missing": {"rule": self.missing.rule, "frames": self.missing.plain()},
            "padding": self.padding.plain(),
            "left_out": self.left_out.plain(),
            "seen": self.told(),
        }


def _in_order(parts: Iterable[str]) -> list[str]:
    """What is trained on, what selects, what is reported on."""
    return sorted(parts, key=lambda part: (part != TRAIN, part != SELECTION, part))


def _advice(chosen: Chosen) -> str:
    return f"`fusionbench show importer {chosen.plugin}` says what is read, and how."


def _parts_option(parts: list[str]) -> str:
    """What a run has to be told where a store has not exactly one part to report on."""
    tests = [part for part in parts if is_reported(part)]
    if parts in ([""], [TRAIN]):
        return " --set dataset.folds=5"
    if len(tests) == 1:
        return ""
    return f" --set dataset.report={tests[0] if tests else 'val'}"
