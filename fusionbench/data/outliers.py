"""A few frames that hold nearly all of a channel's variance: what is left of an infinity, a slipped unit.

Such frames set the scale by which every other frame is standardised. A channel
is suspected by its extremes and a sample of its frames, and only then read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fusionbench.data.findings import Finding, listed
from fusionbench.data.store import StoreIndex
from fusionbench.data.survey import Extremes, Survey

_NEARLY_ALL = 0.9
"""share of the variance that a few frames must hold"""
_FEW = 0.02
"""share of the frames that are few; the frames of one clip are few up to a tenth"""
_FAR = 30.0
"""how many standard deviations of the others they lie away: further than chance reaches in small sets"""
_SUSPECT = 10.0
"""how many half-widths of the middle four fifths an extreme lies away; 12.8 deviations of a normal channel"""
_SAMPLE = 256
_BLOCK = 2**18
"""numbers in memory at a time"""


def outlier_findings(index: StoreIndex, arrays: Mapping[str, np.ndarray], seen: Survey) -> list[Finding]:
    """The streams some of whose channels a few frames dominate, one finding a stream."""
    found = []
    for name, array in arrays.items():
        suspects = _suspects(array, seen.all[name])
        far = [_far(index, array, seen, suspect) for suspect in _parted(suspects)]
        outliers = [one for group in far for one in group]
        if outliers:
            found.append(_finding(name, outliers, array.shape[1]))
    return found


@dataclass(frozen=True)
class _Suspects:
    """Channels of a stream whose extremes lie far out."""

    channels: np.ndarray
    centre: np.ndarray
    furthest: np.ndarray
    """distance of the extreme from the centre"""
    typical: float
    """how far from the centres a frame of the stream usually reaches, in any of its channels"""


@dataclass(frozen=True)
class _Outlier:
    channel: int
    frames: int
    of: int
    share: float
    value: float
    clip: str
    frame: int
    rest: tuple[float, float]
    wrong: bool


def _suspects(array: np.ndarray, extremes: Extremes) -> _Suspects:
    rows = np.unique(np.linspace(0, len(array) - 1, _SAMPLE).astype(np.int64))
    sample = np.asarray(array[rows], dtype=np.float64)
    low, centre, high = np.quantile(sample, (0.1, 0.5, 0.9), axis=0)
    spread = (high - low) / 2
    furthest = np.maximum(extremes.high - centre, centre - extremes.low)
    typical = float(np.median(np.abs(sample - centre).max(axis=1)))
    sparse = (spread == 0) & (furthest <= _FAR * typical)  # an indicator that is seldom on
    (channels,) = np.nonzero((furthest > _SUSPECT * spread) & ~sparse)
    return _Suspects(channels, centre[channels], furthest[channels], typical)


def _parted(suspects: _Suspects, width: int = 512) -> Iterator[_Suspects]:
    """The suspects, so many channels at a time."""
    for start in range(0, len(suspects.channels), width):
        part = slice(start, start + width)
        yield _Suspects(
            suspects.channels[part], suspects.centre[part], suspects.furthest[part], suspects.typical
        )


def _far(index: StoreIndex, array: np.ndarray, seen: Survey, suspects: _Suspects) -> list[_Outlier]:
    """Which suspects are right: frames within a tenth of the furthest one are set against all others."""
    width = len(suspects.channels)
    count, far_squares, rest_sum, rest_squares = (np.zeros(width) for _ in range(4))
    first, last = np.full(width, -1), np.full(width, -1)
    value, low, high = np.zeros(width), np.full(width, np.inf), np.full(width, -np.inf)
    step = max(1, _BLOCK // array.shape[1])
    for start in range(0, len(array), step):
        off = (
            np.asarray(array[start : start + step])[:, suspects.channels].astype(np.float64) - suspects.centre
        )
        far = np.abs(off) >= suspects.furthest / 10
        rest = np.where(far, 0, off)
        count += far.sum(axis=0)
        far_squares += (np.where(far, off, 0) ** 2).sum(axis=0)
        rest_sum += rest.sum(axis=0)
        rest_squares += (rest**2).sum(axis=0)
        low = np.minimum(low, np.where(far, np.inf, off).min(axis=0))
        high = np.maximum(high, np.where(far, -np.inf, off).max(axis=0))
        here = far.any(axis=0)
        begin, stop = far.argmax(axis=0), len(far) - 1 - far[::-1].argmax(axis=0)
        new = here & (first < 0)
        value[new] = (off[begin, np.arange(width)] + suspects.centre)[new]
        first[new] = start + begin[new]
        last[here] = start + stop[here]
    found = []
    for k in range(width):
        others = seen.frames - count[k]
        share = far_squares[k] / (far_squares[k] + rest_squares[k])
        places = np.searchsorted(index.first_row, [first[k], last[k]], side="right") - 1
        few = count[k] <= max(1, _FEW * seen.frames) or places[0] == places[1]
        if not few or count[k] > 0.1 * seen.frames or share < _NEARLY_ALL:
            continue
        deviation = np.sqrt(max(rest_squares[k] / others - (rest_sum[k] / others) ** 2, 0))
        if np.sqrt(far_squares[k] / count[k]) < _FAR * deviation:
            continue
        found.append(
            _Outlier(
                channel=int(suspects.channels[k]),
                frames=int(count[k]),
                of=seen.frames,
                share=float(share),
                value=float(value[k]),
                clip=index.clips[places[0]].id,
                frame=int(first[k] - index.first_row[places[0]]),
                rest=(float(low[k] + suspects.centre[k]), float(high[k] + suspects.centre[k])),
                wrong=bool(suspects.furthest[k] > _FAR * suspects.typical > 0),
            )
        )
    return found


def _finding(name: str, outliers: list[_Outlier], dim: int) -> Finding:
    worst = max(outliers, key=lambda one: (one.wrong, one.share))
    others = [str(one.channel) for one in outliers if one is not worst]
    likewise = f" Likewise {len(others)} other channel(s) of {dim}: {listed(others)}." if others else ""
    return Finding(
        "outlier",
        f"stream {name!r}, channel {worst.channel}: {worst.frames:,} of {worst.of:,} frames "
        f"{'holds' if worst.frames == 1 else 'hold'} {100 * worst.share:.0f} % of its variance, "
        f"the first in clip {worst.clip!r}, frame {worst.frame}: {worst.value:.4g}, "
        f"where the other frames lie between {worst.rest[0]:.4g} and {worst.rest[1]:.4g}.{likewise} "
        "Mend or cut such frames: every other frame is scaled by them.",
        wrong=any(one.wrong for one in outliers),
    )
