"""The course of probabilities over one clip: asked window by window, read as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.contract.writing import check_path, written_whole
from fusionbench.predict.predictor import Predictor
from fusionbench.predict.windows import Window


@dataclass(frozen=True)
class Course:
    """What was said of one clip."""

    clip: str
    classes: tuple[str, ...]
    windows: tuple[Window, ...]
    seconds: np.ndarray
    """``(windows, 2)`` when each begins and ends, from the clip's beginning; NaN where that is not known"""
    probabilities: np.ndarray
    """``(windows, classes)``, NaN where too few frames show a face"""
    stand_in: bool
    """True where who said it was trained on generated data"""

    @property
    def judged(self) -> np.ndarray:
        """``(windows,)`` bool, True where something was said."""
        return np.isfinite(self.probabilities[:, 0])

    def predicted(self, window: int) -> str:
        """The likeliest class of a window; empty where nothing was said."""
        return self.classes[int(self.probabilities[window].argmax())] if self.judged[window] else ""

    def at(self, frame: int) -> int | None:
        """The window whose middle is nearest to a frame; None where nothing was said of it."""
        nearest = int(np.abs(self.middles - frame).argmin())
        return nearest if self.judged[nearest] else None

    @property
    def middles(self) -> np.ndarray:
        """``(windows,)`` the middle of each, in frames."""
        return np.array([(each.first + each.last) / 2 for each in self.windows])

    @property
    def moments(self) -> np.ndarray:
        """``(windows,)`` the middle of each, in seconds."""
        return self.seconds.mean(axis=1)

    @property
    def timed(self) -> bool:
        """Whether seconds are known."""
        return bool(np.isfinite(self.seconds).all())

    def columns(self) -> dict[str, list[Any]]:
        """Name -> one value a window: a data frame's, or a file's."""
        count = len(self.windows)
        return {
            "clip": [self.clip] * count,
            "first_frame": [each.first for each in self.windows],
            "last_frame": [each.last for each in self.windows],
            "begin_s": [_number(begin) for begin in self.seconds[:, 0]],
            "end_s": [_number(end) for end in self.seconds[:, 1]],
            "faces": [each.faces for each in self.windows],
            "predicted": [self.predicted(window) for window in range(count)],
            **{
                f"p({name})": [_number(p) for p in self.probabilities[:, k]]
                for k, name in enumerate(self.classes)
            },
        }


def course_of(
    predictor: Predictor,
    clip: str,
    arrays: Mapping[str, np.ndarray],
    *,
    real: np.ndarray | None = None,
    seconds: np.ndarray | None = None,
    window: int | None = None,
    step: int | None = None,
    watch: Watch | None = None,
) -> Course:
    """Ask about one clip.

    Args:
        predictor: who is asked.
        clip: its name.
        arrays: name -> ``(time, ...)``, what the predictor takes.
        real: ``(time,)`` bool, True where a frame shows a face; None = everywhere.
        seconds: ``(time,)`` when each frame is; None = not known.
        window: frames that are judged together; None = as the predictor does.
        step: frames from one window to the next; None = a quarter of a window, or every frame where a run
            labels single ones.
        watch: told of progress, in windows.

    Raises:
        UserError: the arrays are not what the predictor takes, or show a face nowhere.
    """
    predictor.check(arrays)
    watch = watch or Watch()
    time = len(arrays[_first(predictor)])
    real = np.ones(time, bool) if real is None else real
    if not real.any():
        raise UserError(f"clip {clip!r}: no frame of it shows a face, so there is nothing to judge.")
    task = f"asking {predictor.name} about {clip}"
    cut, said = predictor.judge(arrays, real, window, step, partial(watch.progress, task))
    ends = np.array([[each.first, each.last] for each in cut])
    moments = np.full(ends.shape, np.nan) if seconds is None else np.asarray(seconds)[ends]
    return Course(clip, predictor.classes, tuple(cut), moments, said, predictor.stand_in)


def check_table_path(path: Path) -> None:
    """Says whether a table can be written to ``path``, before anything is computed for it.

    Raises:
        UserError: as ``check_path``.
    """
    check_path(path, "a table", ("csv",))


def write_table(path: Path, courses: Iterable[Course]) -> None:
    """All courses as one csv, a line a window; whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for number, course in enumerate(courses):
            columns = course.columns()
            if number == 0:
                writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))


def _first(predictor: Predictor) -> str:
    return "frames" if predictor.size else predictor.needs[0]


def _number(value: float) -> float | None:
    """Rounded for people and files; None where it is not known."""
    return round(float(value), 6) if np.isfinite(value) else None
