"""One job of a plan: one fold of one member, run to its end or to a reason why there is none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fusionbench.bench.claim import Busy
from fusionbench.bench.outcome import FoldOutcome
from fusionbench.bench.run import Surroundings, run_fold
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import RunNotes
from fusionbench.bench.trial import Note, TrialOutcome, run_trial
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
    trial: Note | None = None
    """of a trial, which is never judged on the report split; None: a run"""
    again: bool = False
    """whether a run that is finished is trained once more"""


@dataclass(frozen=True)
class Result:
    """How a job ended: its figures, or the reason why there are none."""

    outcome: FoldOutcome | None = None
    reason: str = ""
    unsupported: bool = False
    busy: bool = False
    """another process works on it; ask again"""
    trial: TrialOutcome | None = None
    """in place of ``outcome`` where the job is a trial"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", scrubbed(self.reason))  # it goes into tables and files


class Jobs:
    """What an executor carries out, handed out one at a time. Here: jobs that are known beforehand."""

    def __init__(self, jobs: Iterable[Job]):
        self._pending = deque(jobs)
        self.results: dict[Job, Result] = {}

    def take(self) -> Job | None:
        """The next job to start; None where there is none now."""
        return self._pending.popleft() if self._pending else None

    def give(self, job: Job, result: Result) -> None:
        """How a job that was taken ended."""
        self.results[job] = result

    @property
    def open(self) -> bool:
        """Whether ``take`` may give another job, now or later."""
        return bool(self._pending)


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
    job: Job,
    parent: str,
    catalog: Catalog,
    watch: EpochsOnly,
    *,
    wait: bool,
) -> Result:
    """Run beneath the MLflow run ``parent``; whatever is raised becomes the result, so that others go on."""
    try:
        (chosen,) = data.folds(job.fold)
        notes = RunNotes.of(config, data)
        around = Surroundings(catalog, watch, notes, parent, again=job.again, wait=wait)
        if job.trial is None:
            result = Result(run_fold(config, data, chosen, around))
        else:
            result = Result(trial=run_trial(config, data, chosen, around, job.trial))
    except Busy:
        return Result(busy=True)
    except NotSupported as error:
        result = Result(reason=str(error), unsupported=True)
    except Exception as error:  # a head may raise anything; it is told in the table with its reason
        result = Result(reason=f"{type(error).__name__}: {error}")
    watch.done()
    return result
