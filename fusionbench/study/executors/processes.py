"""Jobs in several processes; on Ctrl-C they close their runs."""

from __future__ import annotations

import contextlib
import queue
import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from fusionbench.bench.source import RunData, data_key, open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import FusionBenchError
from fusionbench.contract.processes import spawn_context
from fusionbench.contract.watch import Watch
from fusionbench.data.workers import Workers, ctrl_c
from fusionbench.study.experiment import Member
from fusionbench.study.job import EpochsOnly, Job, Jobs, Result, run_job

KILLED = (
    "its worker was killed twice, the second time with nothing beside it: perhaps memory ran out. "
    "Free some, or make the run smaller."
)


@dataclass(frozen=True)
class _Turn:
    """A job on its way to a worker."""

    job: Job
    wait: bool = False
    """whether it waits for another process that works on it"""
    alone: bool = False
    """whether nothing runs beside it, because a worker was killed while it ran"""


def run_in_processes(
    jobs: Jobs,
    members: Sequence[Member],
    parent: str,
    workers: int,
    advance: Callable[[int], None],
    warn: Callable[[str], None],
) -> None:
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs.

    A worker that is killed takes its pool along. The jobs that ran go on, each once more and
    with nothing beside it, so that the one that brings its worker down is known by name.

    Raises:
        KeyboardInterrupt: after the workers have closed their runs.
    """
    pending: deque[_Turn] = deque()
    while pending or jobs.open:
        broken = _until_broken(pending, jobs, members, parent, workers, advance)
        for turn in broken:
            if turn.alone:
                jobs.give(turn.job, Result(reason=KILLED))
            else:
                member = members[turn.job.member]
                warn(f"the worker of {member.label}, seed {member.seed} was killed; it is tried once more")
                pending.appendleft(replace(turn, alone=True))


def _until_broken(
    pending: deque[_Turn],
    jobs: Jobs,
    members: Sequence[Member],
    parent: str,
    workers: int,
    advance: Callable[[int], None],
) -> list[_Turn]:
    """Work on what is pending in one pool; what ran when the pool broke, nothing where all is done."""
    told = spawn_context().Queue()
    running: dict[Future[Result], _Turn] = {}
    broken: list[_Turn] = []
    with Workers(workers, patient=True, enter=_enter, arguments=(told,)) as pool:
        while running or ((pending or jobs.open) and not broken):
            while not broken and _may_start(pending, jobs, running, workers):
                turn = pending.popleft()
                config = members[turn.job.member].config
                try:
                    future = pool.submit(_in_worker, config, turn.job, parent, turn.wait)
                except BrokenProcessPool:
                    pending.appendleft(turn)  # an idle worker was killed; nobody's fault
                    return broken
                running[future] = turn
            _tell(told, advance)
            for future in [future for future in running if future.done()]:
                turn = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    broken.append(turn)
                elif error:
                    jobs.give(turn.job, Result(reason=f"{type(error).__name__}: {error}"))
                elif (result := future.result()).busy:
                    pending.append(replace(turn, wait=True))
                else:
                    jobs.give(turn.job, result)
    return broken


def _may_start(pending: deque[_Turn], jobs: Jobs, running: dict[Future[Result], _Turn], workers: int) -> bool:
    """Whether the next turn can go to a worker; none is queued there, so none starts after Ctrl-C."""
    if len(running) >= workers or any(turn.alone for turn in running.values()):
        return False
    if (not pending or pending[0].wait) and (job := jobs.take()):
        pending.appendleft(_Turn(job))
    return bool(pending) and (not running or not pending[0].alone)


def _tell(told: Any, advance: Callable[[int], None]) -> None:
    """Hand on what the workers told; wait a little if it is nothing."""
    with contextlib.suppress(queue.Empty):
        advance(told.get(timeout=0.2))
        while True:
            advance(told.get_nowait())


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


def _in_worker(config: RunConfig, job: Job, parent: str, wait: bool) -> Result:
    signal.signal(signal.SIGINT, _interrupt_once)
    with ctrl_c(held=False):
        key = data_key(config)
        try:
            if key not in _opened:
                _opened[key] = open_data(config, Watch())
        except FusionBenchError as error:
            return Result(reason=str(error))
        watch = EpochsOnly(_told.put, config.options.training.epochs)
        return run_job(config, _opened[key], job, parent, collect(), watch, wait=wait)
