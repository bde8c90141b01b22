"""Jobs in several processes, which end with this one: on Ctrl-C in order, and at once if it is killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, NoReturn

from fusionbench.bench.source import RunData, data_key, open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import FusionBenchError
from fusionbench.contract.watch import Watch
from fusionbench.study.experiment import Member
from fusionbench.study.job import EpochsOnly, Job, Result, run_job


def run_in_processes(
    jobs: Sequence[Job], members: Sequence[Member], parent: str, workers: int, advance: Callable[[int], None]
) -> dict[Job, Result]:
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs.

    Raises:
        KeyboardInterrupt: after the workers have closed their runs.
    """
    # Spawned, not forked: a forked copy of a process that has threads can hang.
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    others = set(multiprocessing.active_children())
    pending = deque(jobs)
    running: dict[Future[Result], Job] = {}
    results: dict[Job, Result] = {}
    with ProcessPoolExecutor(workers, context, _enter, (told,)) as pool:
        try:
            while pending or running:
                with _ctrl_c(held=True):
                    while pending and len(running) < workers:  # none is queued, so none starts after Ctrl-C
                        job = pending.popleft()
                        try:
                            future = pool.submit(_in_worker, members[job.member].config, job.fold, parent)
                        except BrokenProcessPool as error:
                            results[job] = _failed(error)
                        else:
                            running[future] = job
                _tell(told, advance)
                for future in [future for future in running if future.done()]:
                    results[running.pop(future)] = _result(future)
        except KeyboardInterrupt:
            for worker in set(multiprocessing.active_children()) - others:
                if worker.pid is not None:
                    os.kill(worker.pid, signal.SIGINT)
            raise
    return results


def _tell(told: Any, advance: Callable[[int], None]) -> None:
    """Hand on what the workers told; wait a little if it is nothing."""
    with contextlib.suppress(queue.Empty):
        advance(told.get(timeout=0.2))
        while True:
            advance(told.get_nowait())


def _result(future: Future[Result]) -> Result:
    error = future.exception()
    return _failed(error) if error else future.result()


def _failed(error: BaseException) -> Result:
    if isinstance(error, BrokenProcessPool):
        reason = "a worker was killed, perhaps because memory ran out; try fewer --workers"
    else:
        reason = f"{type(error).__name__}: {error}"
    return Result(None, reason)


@contextlib.contextmanager
def _ctrl_c(*, held: bool) -> Iterator[None]:
    """Hold Ctrl-C back from this thread, or let it in, and undo that at the end.

    Processes that are started while it is held hold it, too, until a job of theirs lets it in: so a
    worker that imports or waits for its next job does not die with a traceback.
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

_told: Any = None
_opened: dict[str, RunData] = {}
"""what this worker has open, so that its next job does not scan and open it again"""


def _enter(told: Any) -> None:
    global _told
    _told = told
    told.cancel_join_thread()  # progress that nobody reads must not keep the worker
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> NoReturn:
    """A killed parent cannot say goodbye; a worker that trained on would hold on to its run."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _interrupt_once(number: int, frame: object) -> NoReturn:
    """Let the run be closed undisturbed by a second Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _in_worker(config: RunConfig, fold: str, parent: str) -> Result:
    signal.signal(signal.SIGINT, _interrupt_once)
    with _ctrl_c(held=False):
        key = data_key(config)
        try:
            if key not in _opened:
                _opened[key] = open_data(config, Watch())
        except FusionBenchError as error:
            return Result(None, str(error))
        return run_job(config, _opened[key], fold, parent, collect(), EpochsOnly(_told.put))
