"""Worker processes that end with this one: on Ctrl-C, and at once if it is killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, NoReturn

from fusionbench.contract.addresses import scrub_stderr
from fusionbench.contract.interrupts import interrupts_deferred
from fusionbench.contract.processes import spawn_context


class Workers(ProcessPoolExecutor):
    """Processes for the jobs of one block; use it as a context.

    They start with Ctrl-C held back, so that none dies of it with a traceback. Where
    the block is left by an exception, Ctrl-C among them, queued jobs are dropped and
    the workers ended before it goes on; a killed parent takes them with it.

    Args:
        count: how many.
        patient: False kills the workers where the block is left by an exception. True sends
            them Ctrl-C and waits; a job lets it in by ``ctrl_c(held=False)``.
        enter: called once in each worker.
        arguments: of ``enter``.
    """

    def __init__(
        self,
        count: int,
        *,
        patient: bool = False,
        enter: Callable[..., None] | None = None,
        arguments: tuple[Any, ...] = (),
    ):
        super().__init__(count, spawn_context(), _enter, (enter, arguments))
        self._patient = patient

    def submit(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue a job; starts a worker for it if need be."""
        with interrupts_deferred(), ctrl_c(held=True):
            return super().submit(job, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for worker in list((self._processes or {}).values()):
                if self._patient and worker.pid is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker.pid, signal.SIGINT)
                else:
                    worker.kill()
        self.shutdown(wait=True, cancel_futures=kind is not None)


@contextlib.contextmanager
def ctrl_c(*, held: bool) -> Iterator[None]:
    """Hold Ctrl-C back from this thread, or let it in, and undo that at the end.

    Processes that are started while it is held hold it, too, until a job of theirs lets it in.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    how = signal.SIG_BLOCK if held else signal.SIG_UNBLOCK
    before = signal.pthread_sigmask(how, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What follows runs in the worker.


def _enter(enter: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    scrub_stderr()
    if enter:
        enter(*arguments)


def _end_with_parent() -> NoReturn:
    """A killed parent cannot say goodbye; a worker that went on would hold what it works on."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
