"""What long work looks like on a terminal; all of it goes to stderr, so stdout stays clean."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from fusionbench.contract.judging import SPOKEN
from fusionbench.contract.watch import Watch

QUIET_SECONDS = 30.0
"""longest silence in a log while work goes on"""


class _Rate(ProgressColumn):
    """How many of what a task counts are done in a second, where it counts frames."""

    def render(self, task: Task) -> Text:
        """As rich asks for it."""
        return Text(rate(task))


def rate(task: Task) -> str:
    """``52 frames/s`` of a task called ``... (frames)``; else nothing."""
    speed = task.finished_speed or task.speed
    return f"{speed:.0f} frames/s" if speed and task.description.endswith("(frames)") else ""


class Screen(Watch):
    """Progress bars on a terminal, elsewhere a line now and then. Use as a context."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            _Rate(),
            TextColumn("{task.fields[detail]}"),
            console=self.console,
            disable=not self.console.is_terminal,
            get_time=time.monotonic,
        )
        self._tasks: dict[str, TaskID] = {}
        self._spoke = 0.0

    def __enter__(self) -> Screen:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def progress(self, task: str, done: int, total: int) -> None:
        self._advance(task, done, total)

    def note(self, message: str) -> None:
        self.console.print(message, markup=False)

    def warn(self, message: str) -> None:
        self.console.print(f"warning: {message}", style="yellow", markup=False)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        metric = next(name for name in metrics if name.startswith("selection/"))
        spoken = SPOKEN[metric.removeprefix("selection/")]
        detail = f"loss {metrics['train/loss']:.3f}  selection {spoken} {100 * metrics[metric]:.1f} %"
        self._advance("training (epochs)", epoch, epochs, detail)

    def _advance(self, task: str, done: int, total: int, detail: str = "") -> None:
        known = self._tasks.get(task)
        if known is None or done < self._bars.tasks[known].completed:
            known = self._tasks[task] = self._bars.add_task(task, total=total, detail=detail)
            self._spoke = time.monotonic()
        self._bars.update(known, completed=done, total=total, detail=detail)
        if not self.console.is_terminal:
            self._line(self._bars.tasks[known], detail)

    def _line(self, task: Task, detail: str) -> None:
        """For a log: a line at the end of a task, and now and then before it."""
        if not task.finished and time.monotonic() - self._spoke < QUIET_SECONDS:
            return
        self._spoke = time.monotonic()
        state = "done" if task.finished else f"of {task.total:.0f}"
        left = f", {timedelta(seconds=task.time_remaining)} left" if task.time_remaining else ""
        self.console.print(
            f"{task.description}: {task.completed:.0f} {state}{left}  {detail or rate(task)}".rstrip()
        )
