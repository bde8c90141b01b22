"""Carries out the runs of an experiment, in this process or in several; the figures are the same."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from fusionbench.bench.experiment import Member
from fusionbench.bench.run import run_fold
from fusionbench.bench.source import RunData, data_key, open_data
from fusionbench.bench.tracking import RunNotes
from fusionbench.catalog.plugins import Catalog, collect
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import FusionBenchError, NotSupported
from fusionbench.contract.watch import Watch

TASK = "comparing (epochs)"


@dataclass(frozen=True)
class Job:
    """One fold of one member."""

    member: int
    fold: str


@dataclass(frozen=True)
class Result:
    """How a job ended: the MLflow run that holds its figures, or the reason why there is none."""

    run_id: str | None
    reason: str = ""
    unsupported: bool = False


class _Queue(Protocol):
    def put(self, item: Any) -> None: ...


class _EpochsOnly(Watch):
    """Hands on that an epoch ended, and warnings; the bars of single runs would drown the whole."""

    def __init__(self, tell: Callable[[int], None], watch: Watch | None = None):
        self._tell = tell
        self._watch = watch
        self._seen = 0

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        self._tell(epoch - self._seen)
        self._seen = epoch

    def warn(self, message: str) -> None:
        if self._watch:
            self._watch.warn(message)


def execute(
    jobs: Sequence[Job],
    members: Sequence[Member],
    data: Sequence[RunData | None],
    parent: str,
    workers: int,
    watch: Watch,
    catalog: Catalog | None = None,
) -> dict[Job, Result]:
    """Run the jobs beneath the MLflow run ``parent``; progress is told in epochs of the whole.

    Args:
        jobs: what to run.
        members: the experiment's runs, numbered as jobs number them.
        data: of each member, already open for this process.
        parent: MLflow run id of the comparison.
        workers: processes; with 1 everything happens in this one.
        watch: told of progress.
        catalog: of this process; workers collect their own.
    """
    total = sum(members[job.member].config.options.training.epochs for job in jobs)
    if not jobs:
        return {}
    done = 0

    def advance(epochs: int) -> None:
        nonlocal done
        done = min(done + epochs, total)
        watch.progress(TASK, done, total)

    watch.progress(TASK, 0, total)
    if workers == 1:
        known = catalog or collect()
        results = {}
        for job in jobs:
            read, config = data[job.member], members[job.member].config
            assert read is not None
            results[job] = _run(config, read, job.fold, parent, known, _EpochsOnly(advance, watch))
        return results
    return _in_processes(jobs, members, parent, min(workers, len(jobs)), advance)


def _in_processes(
    jobs: Sequence[Job], members: Sequence[Member], parent: str, workers: int, advance: Callable[[int], None]
) -> dict[Job, Result]:
    # Spawned, not forked: a forked copy of a process that has threads can hang.
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(workers, mp_context=context) as pool:
        told = manager.Queue()
        futures: dict[Future[Result], Job] = {
            pool.submit(_in_worker, members[job.member].config, job.fold, parent, told): job for job in jobs
        }
        try:
            waiting = set(futures)
            while waiting:
                waiting = {f for f in waiting if not f.done()}
                _drain(told, advance, wait=bool(waiting))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return {job: _result(future) for future, job in futures.items()}


def _drain(told: Any, advance: Callable[[int], None], wait: bool) -> None:
    try:
        advance(told.get(timeout=0.2 if wait else 0.01))
        while True:
            advance(told.get_nowait())
    except queue.Empty:
        return


def _result(future: Future[Result]) -> Result:
    error = future.exception()
    return Result(None, f"{type(error).__name__}: {error}") if error else future.result()


_opened: dict[str, RunData] = {}
"""what this worker process has open, so that its next job does not scan and open it again"""


def _in_worker(config: RunConfig, fold: str, parent: str, told: _Queue) -> Result:
    key = data_key(config)
    try:
        if key not in _opened:
            _opened[key] = open_data(config, Watch())
    except FusionBenchError as error:
        return Result(None, str(error))
    return _run(config, _opened[key], fold, parent, collect(), _EpochsOnly(told.put))


def _run(config: RunConfig, data: RunData, fold: str, parent: str, catalog: Catalog, watch: Watch) -> Result:
    """One job; whatever it raises becomes its result, so that the others go on."""
    try:
        (chosen,) = data.folds(fold)
        outcome = run_fold(config, catalog, data, chosen, RunNotes.of(config, data), watch, parent)
    except NotSupported as error:
        return Result(None, str(error), unsupported=True)
    except Exception as error:  # a head may raise anything; it is told in the table with its reason
        return Result(None, f"{type(error).__name__}: {error}")
    return Result(outcome.run_id)
