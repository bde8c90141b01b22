"""Jobs one after the other in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from fusionbench.bench.source import RunData
from fusionbench.catalog.plugins import Catalog, collect
from fusionbench.contract.watch import Watch
from fusionbench.study.experiment import Member
from fusionbench.study.job import EpochsOnly, Job, Result, run_job


def run_in_process(
    jobs: Sequence[Job],
    members: Sequence[Member],
    data: Sequence[RunData | None],
    parent: str,
    advance: Callable[[int], None],
    watch: Watch,
    catalog: Catalog | None,
) -> dict[Job, Result]:
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs.

    What another process works on comes last, when it is likely to be done.
    """
    known = catalog or collect()
    results: dict[Job, Result] = {}
    turns = deque((job, False) for job in jobs)
    while turns:
        job, wait = turns.popleft()
        read, config = data[job.member], members[job.member].config
        assert read is not None
        told = EpochsOnly(advance, config.options.training.epochs, watch)
        result = run_job(config, read, job.fold, parent, known, told, wait=wait)
        if result.busy:
            turns.append((job, True))
        else:
            results[job] = result
    return results
