"""Carries out the runs of an experiment, here, in several processes or on a cluster: the same figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fusionbench.bench.source import RunData
from fusionbench.catalog.plugins import Catalog
from fusionbench.contract.watch import Watch
from fusionbench.study.executors.in_process import run_in_process
from fusionbench.study.executors.processes import run_in_processes
from fusionbench.study.experiment import Member
from fusionbench.study.job import Job, Jobs, Result

if TYPE_CHECKING:
    from fusionbench.study.executors.cluster import Cluster

TASK = "comparing (epochs)"


def execute(
    jobs: Sequence[Job],
    members: Sequence[Member],
    data: Sequence[RunData | None],
    parent: str,
    workers: int,
    watch: Watch,
    catalog: Catalog | None = None,
    cluster: Cluster | None = None,
    task: str = TASK,
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
        cluster: whose nodes carry them out in place of processes of this machine.
        task: what progress is told of.
    """
    total = sum(members[job.member].config.options.training.epochs for job in jobs)
    if not jobs:
        return {}
    done = 0

    def advance(epochs: int) -> None:
        nonlocal done
        done = min(done + epochs, total)
        watch.progress(task, done, total)

    advance(0)
    asked = Jobs(jobs)
    carry_out(asked, members, data, parent, min(workers, len(jobs)), advance, watch, catalog, cluster)
    if done < total:  # a run failed before its last epoch
        advance(total - done)
    return asked.results


def carry_out(
    jobs: Jobs,
    members: Sequence[Member],
    data: Sequence[RunData | None],
    parent: str,
    workers: int,
    advance: Callable[[int], None],
    watch: Watch,
    catalog: Catalog | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Carry out whatever jobs there are, and those that come up meanwhile.

    Args:
        jobs: hands out jobs and is given their results.
        members: the runs that jobs number; more may be added while it goes on, as to ``data``.
        data: of each member.
        parent: MLflow run id.
        workers: processes; with 1 everything happens in this one.
        advance: told of epochs that are done.
        watch: told of warnings.
        catalog: of this process; workers collect their own.
        cluster: whose nodes carry them out, as many at once as fit there.
    """
    if cluster is not None:
        from fusionbench.study.executors.ray import run_on_ray

        run_on_ray(cluster, jobs, members, data, parent, advance, watch)
    elif workers > 1:
        run_in_processes(jobs, members, parent, workers, advance, watch.warn)
    else:
        run_in_process(jobs, members, data, parent, advance, watch, catalog)
