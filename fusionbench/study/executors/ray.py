"""Jobs on the nodes of a Ray cluster, one task a job; what a lost node worked on goes on at another.

A task finds its run by identity, its MLflow run by the recorded id and its checkpoint in the shared
cache, so it may begin again anywhere. A lost task is started again here and not by Ray's own retries:
those have no end where memory runs out, and nobody is told of them.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fusionbench.bench.source import RunData
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import FusionBenchError
from fusionbench.contract.watch import Watch
from fusionbench.study.executors.cluster import Cluster, needs_of, reason
from fusionbench.study.executors.nodes import MappedFile, Parcel, Terms, files_of
from fusionbench.study.experiment import Member
from fusionbench.study.job import EpochsOnly, Job, Jobs, Result, run_job

LIVES = 4
"""times that a job is started whose nodes or workers are lost"""
PAUSE = 0.2
"""seconds between two looks at what has ended"""
GOODBYE_SECONDS = 60.0
"""for tasks to close their runs after Ctrl-C"""
LOST = f"its worker or node was lost {LIVES} times: perhaps memory ran out. Make the run smaller."


@dataclass(frozen=True)
class _Turn:
    """A job on its way to a node."""

    job: Job
    wait: bool = False
    """whether it waits for another process that works on it"""
    lost: int = 0
    """how often its worker or node was lost"""


def run_on_ray(
    cluster: Cluster,
    jobs: Jobs,
    members: Sequence[Member],
    data: Sequence[RunData | None],
    parent: str,
    advance: Callable[[int], None],
    watch: Watch,
) -> None:
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs.

    Raises:
        KeyboardInterrupt: after the tasks have closed their runs.
    """
    ray, told, parcels = cluster.ray, _progress(cluster), _Parcels(cluster)
    pending: deque[_Turn] = deque()
    running: dict[Any, _Turn] = {}
    task = ray.remote(_work)
    try:
        while running or pending or jobs.open:
            room = cluster.room
            while len(running) < room and (turn := _next(pending, jobs)):
                config, read = members[turn.job.member].config, data[turn.job.member]
                assert read is not None
                where = task.options(**needs_of(config), max_retries=0)
                ref = where.remote(
                    cluster.terms, config, parcels.of(read), turn.job, parent, told.actor, turn.wait
                )
                running[ref] = turn
            for ref in _ended(ray, running):
                turn = running.pop(ref)
                result = _result(ray, ref)
                if result is None and turn.lost + 1 < LIVES:
                    member = members[turn.job.member]
                    watch.warn(
                        f"the worker or node of {member.label}, seed {member.seed} was lost; it goes on"
                    )
                    pending.append(replace(turn, lost=turn.lost + 1))
                elif result is not None and result.busy:
                    pending.append(replace(turn, wait=True))
                else:
                    jobs.give(turn.job, result or Result(reason=LOST))
            if waiting := told.qsize():
                advance(sum(told.get_nowait_batch(waiting)))
    except BaseException:
        _interrupt(ray, list(running))
        raise
    finally:
        told.shutdown()


def _progress(cluster: Cluster) -> Any:
    """A queue of epochs on this machine, which ends with it."""
    from ray.util.queue import Queue

    return Queue(actor_options=cluster.pinned(cluster.ray.get_runtime_context().get_node_id()))


def _next(pending: deque[_Turn], jobs: Jobs) -> _Turn | None:
    """What waits for another process comes last, when it is likely to be done."""
    if (not pending or pending[0].wait) and (job := jobs.take()):
        return _Turn(job)
    return pending.popleft() if pending else None


def _ended(ray: Any, running: dict[Any, _Turn]) -> list[Any]:
    """The tasks that have ended, after a pause at most."""
    if running:
        return list(ray.wait(list(running), num_returns=1, timeout=PAUSE)[0])
    time.sleep(PAUSE)
    return []


def _result(ray: Any, ref: Any) -> Result | None:
    """How a task ended; None where its worker or its node was lost."""
    lost = ray.exceptions
    try:
        result: Result = ray.get(ref)
        return result
    except (lost.WorkerCrashedError, lost.NodeDiedError, lost.OutOfMemoryError, lost.ObjectLostError):
        return None
    except ray.exceptions.RayError as error:
        return Result(reason=reason(error))


def _interrupt(ray: Any, running: list[Any]) -> None:
    """Ctrl-C for every task, and time to close its run."""
    for ref in running:
        ray.cancel(ref)
    if running:
        ray.wait(running, num_returns=len(running), timeout=GOODBYE_SECONDS)


class _Parcels:
    """Data in the object store, packed once; a node fetches what it can't map once for all its jobs."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._packed: dict[int, tuple[RunData, Any]] = {}

    def of(self, data: RunData) -> Any:
        """The reference of its parcel."""
        if id(data) not in self._packed:
            self._packed[id(data)] = data, self._cluster.ray.put(Parcel.of(data, self._shared(data)))
        return self._packed[id(data)][1]

    def _shared(self, data: RunData) -> dict[str, MappedFile]:
        """The files that every node sees as they are here."""
        files = files_of(data)
        answers = self._cluster.ask(_sees, files) if files else {}
        return {
            name: file
            for name, file in files.items()
            if all(not isinstance(seen, Exception) and name in seen for seen in answers.values())
        }


# What follows runs on the nodes.


def _sees(files: dict[str, MappedFile]) -> set[str]:
    return {name for name, file in files.items() if file.is_here()}


def _work(
    terms: Terms, config: RunConfig, parcel: Parcel, job: Job, parent: str, told: Any, wait: bool
) -> Result:
    try:
        if faults := terms.entered():  # it may have joined the cluster after the others were looked at
            return Result(reason=f"node {socket.gethostname()} is not as the others are: {faults[0]}")
        data = parcel.opened()
    except FusionBenchError as error:
        return Result(reason=str(error))
    watch = EpochsOnly(told.put_nowait.remote, config.options.training.epochs)
    return run_job(config, data, job, parent, collect(), watch, wait=wait)
