"""One job of a plan: one fold of one member, run to its end or to a reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fusionbench.bench.claim import Busy
from fusionbench.bench.outcome import FoldOutcome
from fusionbench.bench.run import Surroundings, run_fold
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import RunNotes
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.addresses import scrubbed
from fusionbench.contract.errors import NotSupported
from fusionbench.contract.watch import Watch


@dataclass(frozen=True)
class Job:
    """One fold of one member."""

    member: int
    fold: str


@dataclass(frozen=True)
class Result:
    """How a job ended: its figures, or the reason why there are none."""

    outcome: FoldOutcome | None = None
    reason: str = ""
    unsupported: bool = False
    busy: bool = False
    """another process works on it; ask again"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", scrubbed(self.reason))  # it goes into tables and files


class EpochsOnly(Watch):
    """Hands on that an epoch ended, and warnings; the bars of single runs would drown the whole.

    Args:
        tell: told how many epochs more are done.
        epochs: of the whole job; what is not trained (a run that was finished before) counts as done.
        watch: told of warnings.
    """

    def __init__(self, tell: Callable[[int], None], epochs: int, watch: Watch | None = None):
        self._tell = tell
        self._epochs = epochs
        self._watch = watch
        self._seen = 0

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        self._tell(epoch - self._seen)
        self._seen = epoch

    def warn(self, message: str) -> None:
        if self._watch:
            self._watch.warn(message)

    def done(self) -> None:
        """The job is over."""
        self._tell(self._epochs - self._seen)


def run_job(
    config: RunConfig,
    data: RunData,
    fold: str,
    parent: str,
    catalog: Catalog,
    watch: EpochsOnly,
    *,
    wait: bool,
) -> Result:
    """Run beneath the MLflow run ``parent``; whatever is raised becomes the result, so that others go on."""
    try:
        (chosen,) = data.folds(fold)
        around = Surroundings(catalog, watch, RunNotes.of(config, data), parent, wait=wait)
        result = Result(run_fold(config, data, chosen, around))
    except Busy:
        return Result(busy=True)
    except NotSupported as error:
        result = Result(reason=str(error), unsupported=True)
    except Exception as error:  # a head may raise anything; it is told in the table with its reason
        result = Result(reason=f"{type(error).__name__}: {error}")
    watch.done()
    return result
