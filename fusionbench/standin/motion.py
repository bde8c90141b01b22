"""What a person does in a clip: action units over time, blinks and head movement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.standin.action_units import (
    ACTION_UNITS,
    COLUMN,
    DISTINCTIVE,
    LEAD,
    PROTOTYPES,
    UPPER_FACE,
)


@dataclass(frozen=True)
class Brief:
    """The setting of every stand-in: short episodes in short clips, so that most frames show nothing."""

    frames: tuple[int, int] = (24, 32)
    phase: tuple[float, float] = (1.5, 3.0)
    """shortest and longest onset, apex and offset, in frames: the expression fills about .23 of a clip"""
    intensity: tuple[float, float] = (0.55, 1.0)
    drop: float = 0.1
    """share of an expression's units that stay away"""
    faint_share: float = 0.25
    """share of clips whose distinctive units are faint"""
    faintness: float = 0.25
    bursts: float = 1.5
    """mean number of short movements of other expressions in a clip"""
    speech: float = 0.35
    """share of clips in which the person speaks for a moment"""
    one_sided: float = 0.3
    """share of bursts on one side only, such as a smirk"""
    blinks: float = 1.0
    """mean number of blinks in a clip"""


BRIEF = Brief()


@dataclass(frozen=True)
class Motion:
    """Movement of one clip, frame by frame."""

    units: np.ndarray
    """``(frames, 14, 2)`` intensity of each action unit, image left and right, 0 = at rest"""
    blink: np.ndarray
    """``(frames,)`` 1 = lids closed"""
    gaze: np.ndarray
    """``(frames, 2)`` shift of the irises, in eye widths"""
    active: np.ndarray
    """``(frames,)`` bool, True where the clip's own expression shows at more than half strength"""


def perform(expression: str, rng: np.random.Generator, setting: Brief = BRIEF) -> Motion:
    """One clip of an expression: rest, a brief episode of it, rest; and distractions anywhere."""
    frames = int(rng.integers(setting.frames[0], setting.frames[1] + 1))
    units = np.zeros((frames, len(ACTION_UNITS), 2))
    active = _add_episode(units, expression, rng, setting)
    for _ in range(rng.poisson(setting.bursts)):
        _add_burst(units, rng, setting)
    if rng.random() < setting.speech:
        _add_speech(units, rng)
    return Motion(units, _blinks(frames, rng, setting), walk(frames, 2, 0.08, rng), active)


def walk(frames: int, dims: int, spread: float, rng: np.random.Generator, pull: float = 0.12) -> np.ndarray:
    """``(frames, dims)`` a random walk that is pulled back to zero; ``spread`` is its standard deviation."""
    step = spread * np.sqrt(1 - (1 - pull) ** 2)
    path = np.empty((frames, dims))
    here = rng.normal(0, spread, dims)
    for t in range(frames):
        path[t] = here
        here = (1 - pull) * here + rng.normal(0, step, dims)
    return path


def swell(time: np.ndarray, start: float, onset: float, apex: float, offset: float) -> np.ndarray:
    """0 to 1 and back: raised-cosine onset, apex, raised-cosine offset."""
    rise = np.clip((time - start) / onset, 0, 1)
    fall = np.clip((start + onset + apex + offset - time) / offset, 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall))


def _add_episode(units: np.ndarray, expression: str, rng: np.random.Generator, setting: Brief) -> np.ndarray:
    """Add the clip's own expression; returns the frames in which it is strong."""
    frames = len(units)
    onset, apex, offset = rng.uniform(*setting.phase, 3)
    lead = LEAD[expression]
    latest = frames - (onset + apex + offset + abs(lead))
    start = rng.uniform(-0.5, latest + 0.5)
    time = np.arange(frames)
    upper = swell(time, start + max(0, -lead), onset, apex, offset)
    lower = swell(time, start + max(0, lead), onset, apex, offset)

    shown = [unit for unit in PROTOTYPES[expression] if rng.random() >= setting.drop]
    faint = rng.random() < setting.faint_share
    intensity = rng.uniform(*setting.intensity)
    for unit in shown or PROTOTYPES[expression][:1]:
        strength = intensity * rng.uniform(0.7, 1.0)
        if faint and unit in DISTINCTIVE[expression]:
            strength *= setting.faintness
        _raise(units, unit, strength * (upper if unit in UPPER_FACE else lower))
    if expression == "neutral":
        return np.zeros(frames, dtype=bool)
    return np.maximum(upper, lower) > 0.5


def _add_burst(units: np.ndarray, rng: np.random.Generator, setting: Brief) -> None:
    """Add one or two units of some expression for a moment, on both sides or on one."""
    expression = rng.choice([name for name, parts in PROTOTYPES.items() if parts])
    parts = PROTOTYPES[expression]
    onset, apex, offset = rng.uniform(1, 3, 3)
    curve = swell(np.arange(len(units)), rng.uniform(-2, len(units)), onset, apex, offset)
    side = int(rng.integers(2)) if rng.random() < setting.one_sided else None
    for unit in rng.choice(parts, size=min(len(parts), int(rng.integers(1, 3))), replace=False):
        _raise(units, int(unit), rng.uniform(0.3, 0.9) * curve, side)


def _add_speech(units: np.ndarray, rng: np.random.Generator) -> None:
    """Add a few syllables: lips part and jaw drops in a rhythm, lips press now and then."""
    time = np.arange(len(units))
    frame = swell(time, rng.uniform(-2, len(units) - 4), 1.0, rng.uniform(3, 8), 1.0)
    rhythm = 0.5 + 0.5 * np.sin(2 * np.pi * (time / rng.uniform(2.5, 4.5) + rng.random()))
    _raise(units, 25, rng.uniform(0.5, 1.0) * frame * (0.3 + 0.7 * rhythm))
    _raise(units, 26, rng.uniform(0.2, 0.6) * frame * rhythm)
    _raise(units, int(rng.choice([17, 20, 23])), rng.uniform(0.1, 0.5) * frame * (1 - rhythm))


def _raise(units: np.ndarray, unit: int, curve: np.ndarray, side: int | None = None) -> None:
    """Let a unit go at least as far as ``curve`` ``(frames,)``, on one side or both."""
    sides = slice(None) if side is None else slice(side, side + 1)
    column = units[:, COLUMN[unit], sides]
    np.maximum(column, curve[:, None], out=column)


def _blinks(frames: int, rng: np.random.Generator, setting: Brief) -> np.ndarray:
    blink = np.zeros(frames)
    for _ in range(rng.poisson(setting.blinks)):
        np.maximum(blink, swell(np.arange(frames), rng.uniform(-1, frames), 1.2, 0.6, 1.6), out=blink)
    return blink
