"""What is done about numbers that are missing: NaN and infinities, refused unless a rule is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.exchange.leaving_out import LeftOut

Rule = Literal["interpolate", "zero", "drop-clip"]
RULES: Mapping[str, str] = {
    "interpolate": "from the frames before and after, channel by channel",
    "zero": "0 in place of each such number",
    "drop-clip": "leave the whole clip out",
}
_KINDS = (("NaN", np.isnan), ("-inf", np.isneginf), ("+inf", np.isposinf))


class Missing:
    """Fills or refuses what is missing, and counts it.

    Args:
        rule: a key of ``RULES``; None refuses.
    """

    def __init__(self, rule: Rule | None):
        self.rule = rule
        self._frames: dict[str, dict[str, int]] = {}
        self._clips: dict[str, int] = {}

    def filled(self, clip: str, name: str, values: np.ndarray, when: str = "") -> np.ndarray:
        """A stream ``(time, dim)`` of finite numbers.

        Args:
            clip: its id.
            name: the stream's.
            values: as they came.
            when: in which state the frames are counted, for the message.

        Raises:
            LeftOut: the clip is to be left out.
            UserError: no rule was named, or there is nothing to interpolate from.
        """
        finite = np.isfinite(values)
        if finite.all():
            return values
        frames = ~finite.all(axis=1)
        first = int(frames.argmax())
        self._count(name, values)
        which = ", ".join(kind for kind, is_kind in _KINDS if is_kind(values).any())
        where = f"{which} in {int(frames.sum())} of {len(values)} frames{when}, first in frame {first}"
        if self.rule == "drop-clip":
            raise LeftOut(f"numbers are missing in stream {name!r}", where)
        if self.rule is None:
            rules = "; ".join(f"--missing {rule} ({said})" for rule, said in RULES.items())
            raise UserError(f"clip {clip!r}, stream {name!r}: {where}. Say what to do: {rules}.")
        return np.where(finite, values, 0) if self.rule == "zero" else _interpolated(clip, name, values)

    def _count(self, name: str, values: np.ndarray) -> None:
        self._clips[name] = self._clips.get(name, 0) + 1
        counts = self._frames.setdefault(name, {})
        for kind, is_kind in _KINDS:
            counts[kind] = counts.get(kind, 0) + int(is_kind(values).any(axis=1).sum())

    def plain(self) -> dict[str, dict[str, int]]:
        """Stream -> kind -> frames that held it."""
        return {name: dict(counts) for name, counts in self._frames.items()}

    def told(self) -> list[str]:
        """What was found and done, in sentences."""
        said = []
        for name, counts in self._frames.items():
            found = ", ".join(f"{kind} in {n:,} frame(s)" for kind, n in counts.items() if n)
            done = f"--missing {self.rule}: {RULES[self.rule or 'zero']}"
            said.append(f"stream {name!r}: {found} of {self._clips[name]:,} clip(s), by {done}.")
        return said


def _interpolated(clip: str, name: str, values: np.ndarray) -> np.ndarray:
    """Each channel on a straight line between its finite frames; held before the first and after the last."""
    filled = values.astype(np.float64)
    frames = np.arange(len(values))
    for channel in np.flatnonzero(~np.isfinite(values).all(axis=0)):
        known = np.isfinite(values[:, channel])
        if not known.any():
            raise UserError(
                f"clip {clip!r}, stream {name!r}: channel {channel} has no number in any frame to "
                "interpolate from. Use --missing zero, or --missing drop-clip."
            )
        filled[:, channel] = np.interp(frames, frames[known], filled[known, channel])
    return filled
