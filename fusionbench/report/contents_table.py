"""What is inside a store of streams, as tables; and one clip of it as a sketch in text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fusionbench.bench.contents import ClipContents, Contents, StreamContents
from fusionbench.report.tables import plain_table

_BARS = "▁▂▃▄▅▆▇█"
_WIDE = 60
"""characters of a sketch"""
_CHANNELS = 8
"""channels of a stream that are sketched"""
_NAMED = 6


def contents_table(found: Contents) -> Group:
    """Streams, then parts and classes, then people."""
    shown: list[RenderableType] = [_streams(found), _classes(found)]
    if found.subjects:
        shown.append(_people(found))
    return Group(*shown)


def _streams(found: Contents) -> Table:
    data = "  [stand-in: generated data]" if found.stand_in else ""
    caption = (
        f"{found.clips:,} clips of {found.shortest} to {found.longest} steps, median {found.median:g}; "
        f"{found.steps:,} steps in all"
    )
    if found.labelled == "steps":
        caption += f", labelled one by one, {found.unjudged:,} of them not judged"
    table = plain_table(escape(f"{found.path}{data}"), escape(caption))
    for column in ("stream", "width", "from", "to", "mean ± deviation", "to look at"):
        table.add_column(column, justify="left" if column in ("stream", "to look at") else "right")
    for stream in found.streams:
        table.add_row(
            escape(stream.name),
            str(stream.width),
            f"{stream.low:.4g}",
            f"{stream.high:.4g}",
            f"{stream.mean:.4g} ± {stream.deviation:.4g}",
            _odd(stream),
        )
    return table


def _odd(stream: StreamContents) -> str:
    said = [
        f"{what}: channel {_listed(channels)}"
        for what, channels in (
            ("missing (zero throughout)", stream.zero),
            ("constant", stream.constant),
            ("NaN or infinite", stream.not_finite),
        )
        if channels
    ]
    if stream.silent_clips:
        said.append(f"zero throughout in {stream.silent_clips} clip(s)")
    return "; ".join(said)


def _listed(channels: Sequence[int]) -> str:
    more = f" and {len(channels) - _NAMED} more" if len(channels) > _NAMED else ""
    return ", ".join(map(str, channels[:_NAMED])) + more


def _classes(found: Contents) -> Table:
    table = plain_table(f"{found.labelled} of each class")
    table.add_column("class")
    for part in found.parts:
        table.add_column(escape(part.name or "all"), justify="right")
    for label in dict.fromkeys(label for part in found.parts for label in part.classes):
        table.add_row(escape(label), *(str(part.classes.get(label, 0)) for part in found.parts))
    totals = [sum(part.classes.values()) for part in found.parts]
    table.add_row("all", *map(str, totals), style="bold")
    people = ["not known" if part.subjects is None else str(part.subjects) for part in found.parts]
    table.add_row("subjects", *people)
    return table


def _people(found: Contents) -> Table:
    counts = list(found.subjects.values())
    middle = statistics.median(counts)
    table = plain_table(f"{len(counts)} subjects of {min(counts)} to {max(counts)} clips, median {middle:g}")
    table.add_column("subject")
    table.add_column("clips", justify="right")
    for name, count in list(found.subjects.items())[:_NAMED]:
        table.add_row(escape(name), str(count))
    if len(counts) > _NAMED:
        table.add_row(f"and {len(counts) - _NAMED} more", str(sum(counts[_NAMED:])))
    return table


def clip_sketch(found: ClipContents) -> str:
    """The course of each channel in blocks, between its least and its largest value, and labels of steps."""
    clip, steps = found.clip, len(next(iter(found.streams.values())))
    known = [clip.label, clip.split and f"part {clip.split}", clip.subject and f"subject {clip.subject}"]
    mark = "  [stand-in: generated data]" if found.stand_in else ""
    lines = [f"{clip.id}: {', '.join([*filter(None, known), f'{steps} steps'])}{mark}"]
    for name, values in found.streams.items():
        lines.append(f"{name}, {values.shape[1]} channel(s)")
        for number, channel in enumerate(values.T[:_CHANNELS]):
            lines.append(f"  {number:>3} {_blocks(channel)}  {channel.min():.4g} to {channel.max():.4g}")
        if values.shape[1] > _CHANNELS:
            lines.append(f"      and {values.shape[1] - _CHANNELS} more channels; --out draws them all")
    if clip.labels:
        lines += ["labels", *_label_lines(clip.labels)]
    return "\n".join(lines)


def _edges(steps: int) -> np.ndarray:
    return np.arange(min(steps, _WIDE) + 1) * steps // min(steps, _WIDE)


def _blocks(channel: np.ndarray) -> str:
    edges = _edges(len(channel))
    means = np.add.reduceat(channel.astype(float), edges[:-1]) / np.diff(edges)
    low, high = float(means.min()), float(means.max())
    if not high > low:
        return "─" * len(means)
    places = np.round((means - low) / (high - low) * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[place] for place in places)


def _label_lines(labels: Sequence[str]) -> list[str]:
    """A line a label, marked where it is the label of a step."""
    edges = _edges(len(labels))
    wide = max(len(label) for label in labels)
    return [
        f"  {name:<{wide}} " + "".join("█" if name in labels[a:b] else "·" for a, b in pairwise(edges))
        for name in dict.fromkeys(label for label in labels if label)
    ]
