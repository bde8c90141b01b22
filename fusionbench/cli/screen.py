"""What long work looks like on a terminal; all of it goes to stderr, so stdout stays clean."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from fusionbench.contract.watch import Watch


class Screen(Watch):
    """Progress bars on a terminal, one line a finished task elsewhere. Use as a context."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[detail]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Screen:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def progress(self, task: str, done: int, total: int) -> None:
        self._advance(task, done, total, "")
        if done == total and not self.console.is_terminal:
            self.console.print(f"{task}: {total} done")

    def note(self, message: str) -> None:
        self.console.print(message, markup=False)

    def warn(self, message: str) -> None:
        self.console.print(f"warning: {message}", style="yellow", markup=False)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        accuracy = 100 * metrics["selection/accuracy"]
        detail = f"loss {metrics['train/loss']:.3f}  selection accuracy {accuracy:.1f} %"
        self._advance("training", epoch, epochs, detail)
        if epoch == epochs and not self.console.is_terminal:
            self.console.print(f"training: {epochs} epochs done, {detail}")

    def _advance(self, task: str, done: int, total: int, detail: str) -> None:
        known = self._tasks.get(task)
        if known is None or done < self._bars.tasks[known].completed:
            known = self._tasks[task] = self._bars.add_task(task, total=total, detail=detail)
        self._bars.update(known, completed=done, total=total, detail=detail)
