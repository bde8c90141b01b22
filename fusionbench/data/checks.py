"""What in the numbers and names of a store looks wrong. Nothing here knows a unit: all is relative."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.data.findings import Finding, listed
from fusionbench.data.labels import alike
from fusionbench.data.outliers import outlier_findings
from fusionbench.data.store import StoreIndex
from fusionbench.data.survey import Ends, Survey, float32_steps, survey

_PADDED = 0.01
"""share of all frames from which zeros in every stream are told"""
_HELD = 0.05
"""share of all frames from which repeated frames, and zeros in one stream, are told: sensors pause, too"""
_STEPS = 100
"""a channel that spans fewer steps of float32 has lost more than a hundredth of its range to rounding"""


def check_streams(
    index: StoreIndex, arrays: Mapping[str, np.ndarray], surveyed: Survey | None = None
) -> list[Finding]:
    """What there is to say about the numbers.

    Args:
        index: the clips.
        arrays: stream name -> ``(rows, dim)`` floats.
        surveyed: what a pass over these clips found, where there was one.
    """
    seen = surveyed or survey(index, arrays)
    broken = _not_finite(seen)
    if broken:
        return broken
    return [
        *_constant(seen),
        *_coarse(seen),
        *outlier_findings(index, arrays, seen),
        *_padding(index, seen),
        *_equal_contents(index, arrays, seen),
    ]


def _not_finite(seen: Survey) -> list[Finding]:
    """A store is written without such numbers; one that was made elsewhere may hold them."""
    return [
        Finding("not finite", f"stream {name!r}: {_channels(flags)} NaN or infinite somewhere.", wrong=True)
        for name, extremes in seen.all.items()
        if (flags := ~(np.isfinite(extremes.low) & np.isfinite(extremes.high))).any()
    ]


def _constant(seen: Survey) -> list[Finding]:
    found = []
    for name, extremes in seen.all.items():
        still = extremes.low == extremes.high
        trained = seen.train.get(name, extremes)
        untrained = (trained.low == trained.high) & ~still
        for flags, where in ((still, ""), (untrained, " in the training clips, though not in the others")):
            if not flags.any():
                continue
            whole = bool((still | flags).all())
            what = (
                f"stream {name!r} is constant" if whole else f"stream {name!r}: {_channels(flags)} constant"
            )
            found.append(Finding("constant", f"{what}{where}. What is constant says nothing.", wrong=whole))
    return found


def _coarse(seen: Survey) -> list[Finding]:
    found = []
    for name, extremes in seen.all.items():
        low, high = extremes.low.astype(np.float64), extremes.high.astype(np.float64)
        steps = (high - low) / float32_steps(np.maximum(extremes.high, -extremes.low))
        flags = (steps > 0) & (steps < _STEPS)
        if flags.any():
            k = int(flags.argmax())
            found.append(
                Finding(
                    "coarse",
                    f"stream {name!r}: {_channels(flags)} too far from zero for float32: channel {k} lies "
                    f"between {low[k]:.10g} and {high[k]:.10g}, {steps[k]:.0f} step(s) apart. "
                    "Subtract an offset before writing.",
                    wrong=True,
                )
            )
    return found


def _channels(flags: np.ndarray) -> str:
    """``channel(s) 0, 3 of 12 are``."""
    places = [str(k) for k in np.flatnonzero(flags)]
    return (
        f"channel {places[0]} of {len(flags)} is"
        if len(places) == 1
        else (f"{len(places)} of {len(flags)} channels ({listed(places)}) are")
    )


def _padding(index: StoreIndex, seen: Survey) -> list[Finding]:
    found = []
    if seen.zero.frames > _PADDED * seen.frames:
        found.append(
            Finding(
                "padding",
                f"{_share(seen.zero, seen)} are zero in every stream. Padding counts as frames: cut it with "
                "fb.write_stream_store(PATH, clips, cut_padding=True).",
            )
        )
    if seen.silent:
        names = [index.clips[place].id for place in seen.silent]
        found.append(
            Finding("silent", f"{len(names)} clip(s) are zero in every stream throughout: {listed(names)}.")
        )
    if seen.repeated.frames > _HELD * seen.frames:
        found.append(
            Finding(
                "repeated",
                f"{_share(seen.repeated, seen)} repeat the first or last one in every stream. "
                "If that is padding, it counts as frames: cut it before writing.",
            )
        )
    for name, ends in seen.zero_alone.items():
        if ends.frames > _HELD * seen.frames:
            found.append(
                Finding(
                    "zero stream",
                    f"stream {name!r}: {_share(ends, seen)} are zero in it, while another stream goes on.",
                )
            )
    return found


def _share(ends: Ends, seen: Survey) -> str:
    return (
        f"{ends.frames:,} of {seen.frames:,} frames ({100 * ends.frames / seen.frames:.0f} %), "
        f"at the ends of {ends.clips:,} of {seen.clips:,} clips,"
    )


def _equal_contents(index: StoreIndex, arrays: Mapping[str, np.ndarray], seen: Survey) -> list[Finding]:
    """Clips of two splits that hold the same numbers."""
    pairs = []
    for first, second in seen.suspects:
        one, other = index.clips[first], index.clips[second]
        if one.split != other.split and _equal(index, arrays, first, second):
            pairs.append(f"{one.id!r} ({one.split}) and {other.id!r} ({other.split})")
    if not pairs:
        return []
    return [
        Finding(
            "equal contents",
            f"{len(pairs)} clip(s) of one split hold the same numbers as a clip of another: "
            f"{listed(pairs, 3)}. Leave out one of them.",
            wrong=True,
        )
    ]


def _equal(index: StoreIndex, arrays: Mapping[str, np.ndarray], first: int, second: int) -> bool:
    rows = [slice(index.first_row[k], index.first_row[k] + index.rows[k]) for k in (first, second)]
    return all(np.array_equal(array[rows[0]], array[rows[1]]) for array in arrays.values())


def check_names(clips: Iterable[Clip]) -> list[Finding]:
    """What there is to say about the names of classes and subjects."""
    clips = list(clips)
    found = []
    for what, names in (
        ("label", {label for clip in clips for label in clip.judged}),
        ("subject", {clip.subject for clip in clips if clip.subject}),
    ):
        groups = [" and ".join(map(repr, group)) for group in alike(names)]
        if groups:
            found.append(
                Finding(
                    f"{what}s",
                    f"{what}s that differ only in how they are written count as different: "
                    f"{listed(groups, 3)}. If they are one, write them alike.",
                )
            )
    return found
