"""What long work tells whoever watches it; the command line draws it, a script may ignore it."""

from __future__ import annotations

from collections.abc import Mapping


class Watch:
    """A silent watcher; override what you want to see."""

    def progress(self, task: str, done: int, total: int) -> None:
        """``done`` of ``total`` parts of ``task`` are finished; called with 0 when it starts."""

    def note(self, message: str) -> None:
        """Something worth a line: where data were found, what was skipped."""

    def warn(self, message: str) -> None:
        """Something the user should know before trusting the result."""

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """An epoch (counted from 1) was trained and judged on the selection split.

        Among the metrics ``selection/*`` the first is the one that chooses the epoch.
        """
