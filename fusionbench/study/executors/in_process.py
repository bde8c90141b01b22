"""Jobs one after the other in this process."""

from __future__ import annotations

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
    """Run the jobs beneath the MLflow run ``parent``; ``advance`` is told of epochs."""
    known = catalog or collect()
    results = {}
    for job in jobs:
        read, config = data[job.member], members[job.member].config
        assert read is not None
        results[job] = run_job(config, read, job.fold, parent, known, EpochsOnly(advance, watch))
    return results
