"""One clip as a user gives it: checked, and read as an index entry and finite float32 streams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusionbench.contract.dataset import Clip
from fusionbench.contract.errors import UserError, nearest
from fusionbench.data.findings import Finding, listed
from fusionbench.data.splits import MEANINGS, NO_SPLIT, SPLIT_NAMES, stored_split
from fusionbench.data.survey import Measured, float32_steps

_NEEDED = ("id", "label", "streams")
_ALLOWED = ("id", "label", "split", "streams", "subject", "labels")
_UNJUDGED = ("", "-1")
"""labels of a step that nobody judged, as texts"""
_HELD_BY_FLOAT32 = {np.dtype(name) for name in ("f4", "f2", "?", "i1", "i2", "u1", "u2")}
_COARSE = 0.01
"""share of what a channel varies in a clip that rounding to float32 may move it without a word"""
_CLOSE = np.finfo(np.float32).eps / _COARSE
_SUBNORMAL = np.finfo(np.float32).smallest_subnormal / _COARSE


class GivenClips:
    """Reads clips one by one, and remembers what was not kept as it came."""

    def __init__(self) -> None:
        self._blanks: Counter[tuple[str, str]] = Counter()
        self._rounded: dict[tuple[str, int], tuple[str, str]] = {}
        self._rounded_clips: Counter[tuple[str, int]] = Counter()
        self._first: tuple[str, bool] | None = None
        """the first clip's id, and whether it names a split"""
        self._stepwise: bool | None = None

    def clip(self, given: Any, number: int) -> Clip:
        """The index entry of clip ``number`` (from 0).

        Raises:
            UserError: a key is missing, unknown, or no name.
        """
        who = f"clip number {number + 1}"
        if not isinstance(given, Mapping):
            raise UserError(
                f"{who} is a {type(given).__name__}; give a mapping with {', '.join(_ALLOWED[:5])}."
            )
        stepwise = given.get("labels") is not None
        missing = [key for key in _NEEDED if key not in given and not (stepwise and key == "label")]
        if missing:
            raise UserError(
                f"{who} lacks {', '.join(missing)}; it has {', '.join(map(str, given)) or 'nothing'}."
            )
        foreign = [str(key) for key in given if key not in _ALLOWED]
        if foreign:
            raise UserError(
                f"{who}: unknown key {foreign[0]!r}.{nearest(foreign[0], _ALLOWED)} "
                f"Keys: {', '.join(_ALLOWED)}; split and subject are optional, labels stand for label."
            )
        clip_id = _text(given["id"], "id", who)
        who = f"clip {clip_id!r}"
        self._refuse_both(given, who)
        subject = given.get("subject")
        return Clip(
            clip_id,
            "" if stepwise else self._name(given["label"], "label", who),
            self._split(given.get("split"), clip_id),
            None if subject is None else self._name(subject, "subject", who),
        )

    def _refuse_both(self, given: Mapping[str, Any], who: str) -> None:
        """Either clips are labelled as a whole, or the steps of every clip."""
        stepwise = given.get("labels") is not None
        if stepwise and given.get("label") is not None:
            raise UserError(
                f"{who} has a label and labels. Give label of the whole clip, or labels of each step."
            )
        self._stepwise = stepwise if self._stepwise is None else self._stepwise
        if stepwise != self._stepwise:
            raise UserError(
                f"{who} has {'labels of each step' if stepwise else 'one label'}, and the first clip "
                f"{'one label' if stepwise else 'labels of each step'}. Label all clips alike."
            )

    def labels(self, clip_id: str, given: Any, time: int) -> tuple[str, ...]:
        """The label of each step, empty where nobody judged it (-1, None, NaN, an empty text).

        Raises:
            UserError: they are no labels, or not as many as there are steps.
        """
        who = f"clip {clip_id!r}"
        values = _numpy(given, dtype=object if isinstance(given, list | tuple) else None)
        if values.shape != (time,):
            raise UserError(
                f"{who}: labels has shape {values.shape}; its streams have {time} steps, so give ({time},), "
                "-1 or None for a step that nobody judged."
            )
        named: dict[Any, str] = {}
        return tuple(
            named[value] if value in named else named.setdefault(value, self._step(value, who))
            for value in values.tolist()
        )

    def _step(self, value: Any, who: str) -> str:
        if value is None or value != value:  # NaN
            return ""
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(text, str) and text.strip() in _UNJUDGED:
            return ""
        name = self._name(value, "labels", who)
        return "" if name in _UNJUDGED else name

    def _split(self, given: Any, clip_id: str) -> str:
        """The split as it is stored; empty where folds decide, which is so of all clips or of none."""
        split = "" if given is None else _stored(given, f"clip {clip_id!r}")
        first, parted = self._first = self._first or (clip_id, bool(split))
        if bool(split) != parted:
            has, lacks = (first, clip_id) if parted else (clip_id, first)
            raise UserError(
                f"clip {has!r} names a split, clip {lacks!r} none. Give each one: {MEANINGS}. {NO_SPLIT}."
            )
        return split

    def _name(self, value: Any, key: str, who: str) -> str:
        """A label or a subject; blanks around it are no part of it."""
        text = _text(value, key, who)
        bare = text.strip()
        if bare != text:
            self._blanks[key, text] += 1
        return bare

    def streams(self, clip_id: str, given: Any) -> dict[str, Measured]:
        """The streams of one clip as finite float32 ``(time, dim)`` of one length.

        Raises:
            UserError: a stream is no such array, or they differ in length.
        """
        who = f"clip {clip_id!r}"
        if not isinstance(given, Mapping) or not given:
            raise UserError(
                f"{who}: streams is {type(given).__name__}; give at least one name -> (time, dim)."
            )
        streams = {name: self._stream(array, name, who, clip_id) for name, array in given.items()}
        lengths = {name: len(stream.values) for name, stream in streams.items()}
        if len(set(lengths.values())) > 1:
            raise UserError(
                f"{who}: its streams differ in length: {lengths}. "
                "Streams of one clip are synchronous: resample them to one frame rate."
            )
        return streams

    def _stream(self, array: Any, name: Any, who: str, clip_id: str) -> Measured:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
            raise UserError(f"{who}: a stream is named {name!r}; use letters, digits, '_' and '-'.")
        where = f"{who}, stream {name!r}"
        try:
            values = _numpy(array)
        except ValueError as error:
            raise UserError(
                f"{where} is ragged: its frames differ in length. Give one (time, dim) array."
            ) from error
        if values.dtype.kind not in "fiub":
            raise UserError(
                f"{where} holds {values.dtype}, not numbers. Give one (time, dim) array of floats."
            )
        if values.ndim != 2 or 0 in values.shape:
            vector = (
                " Give x[None] if x is one vector of the whole clip, x[:, None] if one channel over time."
            )
            raise UserError(
                f"{where} has shape {values.shape}; expected (time, dim), both at least 1."
                f"{vector if values.ndim == 1 else ''}"
            )
        stream = Measured.of(_as_float32(values))
        if not np.isfinite([stream.low, stream.high]).all():
            bad = np.logical_not(np.isfinite(stream.values).all(axis=1))
            raise UserError(
                f"{where} is NaN or infinite in {int(bad.sum())} of {len(bad)} frames, "
                f"first in frame {int(bad.argmax())}. "
                "Interpolate such frames, or cut them from every stream of the clip."
            )
        if values.dtype not in _HELD_BY_FLOAT32:
            self._watch_rounding(clip_id, name, values, stream)
        return stream

    def _watch_rounding(self, clip: str, name: str, values: np.ndarray, stream: Measured) -> None:
        """Remember the channels whose course within a clip does not survive the rounding to float32."""
        largest = np.maximum(stream.high, -stream.low)
        (close,) = np.nonzero(stream.high - stream.low <= largest * _CLOSE + _SUBNORMAL)
        if not len(close):
            return
        steps = float32_steps(largest)
        exact = values[:, close].astype(np.float64)
        course = exact.max(axis=0) - exact.min(axis=0)
        moved = np.abs(stream.values[:, close] - exact).max(axis=0)
        noise = 1e-14 * np.abs(exact).max(axis=0)  # what sums and means of equal float64 numbers differ by
        for k in np.flatnonzero((course > noise) & (moved > _COARSE * course)):
            where = name, int(close[k])
            self._rounded_clips[where] += 1
            seen = (
                f"values such as {exact[0, k]:.10g} vary by {course[k]:.3g}, "
                f"where float32 has steps of {steps[close[k]]:.3g}"
            )
            self._rounded.setdefault(where, (clip, seen))

    def findings(self) -> list[Finding]:
        """What was not kept as it came."""
        found = []
        for key in ("label", "labels", "subject"):
            texts = {text: count for (which, text), count in self._blanks.items() if which == key}
            if texts:
                found.append(
                    Finding(
                        "blanks",
                        f"{sum(texts.values())} clip(s) had blanks around their {key}, which were left out: "
                        f"{listed([repr(text) for text in texts])}.",
                    )
                )
        streams: dict[str, list[int]] = {}
        for name, channel in self._rounded:
            streams.setdefault(name, []).append(channel)
        for name, channels in streams.items():
            clip, seen = self._rounded[name, channels[0]]
            count = self._rounded_clips[name, channels[0]]
            found.append(
                Finding(
                    "rounding",
                    f"stream {name!r}: float32 cannot hold the course of channel(s) "
                    f"{listed([str(c) for c in channels])} in {count} clip(s), the first {clip!r}: {seen}. "
                    "Subtract an offset before writing, such as the clip's first value.",
                    wrong=True,
                )
            )
        return found


def _as_float32(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.float32:
        return values.astype(np.float32)  # a copy in rows, of this machine's byte order
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _stored(given: Any, who: str) -> str:
    name = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
    stored = stored_split(name) if isinstance(name, str) else None
    if stored is None:
        closest = nearest(name, SPLIT_NAMES) if isinstance(name, str) else ""
        raise UserError(f"{who}: unknown split {given!r}.{closest} Give {MEANINGS}. {NO_SPLIT}.")
    return stored


def _text(value: Any, key: str, who: str) -> str:
    """A name; whole numbers, also as floats (2.0), are taken as their digits, bytes as UTF-8."""
    plain = value
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        plain = value.item()  # numbers of numpy and torch
    if isinstance(plain, bytes):
        try:
            plain = plain.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{who}: {key} is {value!r}, which is not UTF-8. Decode it first.") from error
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    whole = isinstance(plain, int) and not isinstance(plain, bool)
    if not whole and not (isinstance(plain, str) and plain.strip()):
        binned = (
            " A value to regress on has to be cut into classes first." if isinstance(plain, float) else ""
        )
        raise UserError(
            f"{who}: {key} is {plain!r}; give a text that is not empty, or a whole number.{binned}"
        )
    return str(plain)


def _numpy(array: Any, dtype: Any = None) -> np.ndarray:
    """Whatever numpy takes, and tensors of torch wherever they are and whatever hangs on them."""
    if isinstance(array, list | tuple):
        array = [_numpy(row) if hasattr(row, "detach") else row for row in array]
    elif hasattr(array, "detach"):
        array = array.detach().cpu()
        array = array.float() if array.is_floating_point() and array.element_size() < 4 else array
    elif isinstance(array, np.ma.MaskedArray):  # what is masked is not known
        array = np.ma.filled(array.astype(np.float64), np.nan)
    return np.asarray(array, dtype=dtype)
