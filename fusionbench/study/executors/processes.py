"""Jobs in several processes; on Ctrl-C they close their runs."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NoReturn

from fusionbench.bench.source import RunData, data_key, open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import FusionBenchError
from fusionbench.contract.watch import Watch
from fusionbench.data.workers import Workers, ctrl_c
from fusionbench.study.experiment import Member
from fusionbench.study.job import EpochsOnly, Job, Result, run_job


def run_in_processes(
    jobs: Sequence[Job], members: Sequence[Member], parent: str, workers: int, advance: Callable[[int], None]
) -> dict[Job, Result]:
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs.

    Raises:
        KeyboardInterrupt: after the workers have closed their runs.
    """
    told = multiprocessing.get_context("spawn").Queue()
    pending = deque(jobs)
    running: dict[Future[Result], Job] = {}
    results: dict[Job, Result] = {}
    with Workers(workers, patient=True, enter=_enter, arguments=(told,)) as pool:
        while pending or running:
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


# What follows runs in the worker.

_told: Any = None
_opened: dict[str, RunData] = {}
"""what this worker has open, so that its next job does not scan and open it again"""


def _enter(told: Any) -> None:
    global _told
    _told = told
    told.cancel_join_thread()  # progress that nobody reads must not keep the worker


def _interrupt_once(number: int, frame: object) -> NoReturn:
    """Let the run be closed undisturbed by a second Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _in_worker(config: RunConfig, fold: str, parent: str) -> Result:
    signal.signal(signal.SIGINT, _interrupt_once)
    with ctrl_c(held=False):
        key = data_key(config)
        try:
            if key not in _opened:
                _opened[key] = open_data(config, Watch())
        except FusionBenchError as error:
            return Result(None, str(error))
        return run_job(config, _opened[key], fold, parent, collect(), EpochsOnly(_told.put))
