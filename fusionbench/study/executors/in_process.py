"""Jobs one after the other in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from fusionbench.bench.source import RunData
from fusionbench.catalog.plugins import Catalog, collect
from fusionbench.contract.watch import Watch
from fusionbench.study.experiment import Member
from fusionbench.study.job import EpochsOnly, Job, Jobs, run_job

PAUSE = 0.2
"""seconds until it is asked again whether there is a job"""


def run_in_process(
    jobs: Jobs,
    members: Sequence[Member],
    data: Sequence[RunData | None],
    parent: str,
    advance: Callable[[int], None],
    watch: Watch,
    catalog: Catalog | None,
) -> None:
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs.

    What another process works on comes last, when it is likely to be done.
    """
    known = catalog or collect()
    busy: deque[Job] = deque()
    while True:
        job = jobs.take()
        wait = job is None and bool(busy)
        if wait:
            job = busy.popleft()
        if job is None:
            if not jobs.open:
                return
            time.sleep(PAUSE)
            continue
        read, config = data[job.member], members[job.member].config
        assert read is not None
        told = EpochsOnly(advance, config.options.training.epochs, watch)
        result = run_job(config, read, job, parent, known, told, wait=wait)
        if result.busy:
            busy.append(job)
        else:
            jobs.give(job, result)
