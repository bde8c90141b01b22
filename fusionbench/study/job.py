"""One job of a plan: one fold of one member, run to its end or to a reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fusionbench.bench.run import Surroundings, run_fold
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import RunNotes
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import NotSupported
from fusionbench.contract.watch import Watch


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


class EpochsOnly(Watch):
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


def run_job(
    config: RunConfig, data: RunData, fold: str, parent: str, catalog: Catalog, watch: Watch
) -> Result:
    """Run beneath the MLflow run ``parent``; whatever is raised becomes the result, so that others go on."""
    try:
        (chosen,) = data.folds(fold)
        around = Surroundings(catalog, watch, RunNotes.of(config, data), parent)
        outcome = run_fold(config, data, chosen, around)
    except NotSupported as error:
        return Result(None, str(error), unsupported=True)
    except Exception as error:  # a head may raise anything; it is told in the table with its reason
        return Result(None, f"{type(error).__name__}: {error}")
    return Result(outcome.run_id)
