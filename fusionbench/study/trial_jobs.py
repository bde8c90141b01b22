"""The jobs of a study, drawn while it goes on: a trial is one run a seed, and is told when all have ended."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fusionbench.bench.source import RunData
from fusionbench.bench.trial import Note, TrialOutcome
from fusionbench.study.experiment import Member
from fusionbench.study.job import Job, Jobs, Result
from fusionbench.study.ledger import Ledger, Trial

STUDY_TAG, TRIAL_TAG = "fusionbench.study", "fusionbench.trial"


@dataclass
class _Drawn:
    """A trial that is being worked on."""

    trial: Trial
    fold: str
    members: dict[int, int]
    """seed -> its member"""
    ended: dict[int, Result] = field(default_factory=dict)


class TrialJobs(Jobs):
    """Draws trials, fold after fold, until each fold has its number of them.

    Args:
        ledgers: fold -> its study.
        total: trials of each fold.
        seeds: of a trial.
        enter: adds a point's run with a seed to the members, and returns its number there.
        tags: of every trial.
        epochs: of a run, where trials may be ended early; None lets each run to its end.
        owner: identity of the study.
        ended: told when a trial has ended.
    """

    def __init__(
        self,
        ledgers: Mapping[str, Ledger],
        total: int,
        seeds: list[int],
        enter: Callable[[Mapping[str, Any], int, int], int],
        tags: Mapping[str, str],
        epochs: int | None,
        owner: str,
        ended: Callable[[Trial], None],
    ):
        super().__init__([])
        self._ledgers, self._total, self._seeds, self._enter = ledgers, total, seeds, enter
        self._tags, self._epochs, self._owner, self._told = dict(tags), epochs, owner, ended
        self._drawn: dict[tuple[str, int], _Drawn] = {}
        self._of: dict[int, tuple[str, int]] = {}
        """member -> fold and trial"""

    def take(self) -> Job | None:
        while not self._pending:
            drawn = next(
                (
                    (fold, trial)
                    for fold, ledger in self._ledgers.items()
                    if (trial := ledger.draw(self._total)) is not None
                ),
                None,
            )
            if drawn is None:
                return None
            self._begin(*drawn)
        return self._pending.popleft()

    def _begin(self, fold: str, trial: Trial) -> None:
        members = {seed: self._enter(trial.point, seed, trial.number) for seed in self._seeds}
        self._drawn[fold, trial.number] = _Drawn(trial, fold, members)
        self._of |= {member: (fold, trial.number) for member in members.values()}
        first, *others = self._seeds
        floors = self._ledgers[fold].floors(self._epochs) if self._epochs else ()
        self._pending.append(self._job(fold, trial.number, members[first], floors))
        if not self._epochs:
            self._pending += [self._job(fold, trial.number, members[seed]) for seed in others]

    def _job(self, fold: str, number: int, member: int, floors: tuple[float, ...] = ()) -> Job:
        tags = {**self._tags, TRIAL_TAG: str(number)}
        owner = self._owner if self._epochs else ""
        return Job(member, fold, Note(f"trial {number}", tuple(sorted(tags.items())), floors, owner))

    def give(self, job: Job, result: Result) -> None:
        fold, number = self._of[job.member]
        drawn = self._drawn[fold, number]
        seed = next(seed for seed, member in drawn.members.items() if member == job.member)
        drawn.ended[seed] = result
        first = drawn.ended.get(self._seeds[0])
        early = first is not None and (first.trial is None or first.trial.pruned_at is not None)
        if self._epochs and seed == self._seeds[0] and not early:
            self._pending += [self._job(fold, number, drawn.members[other]) for other in self._seeds[1:]]
        if len(drawn.ended) == len(self._seeds) or (self._epochs and early):
            trial, curve = _ended(drawn)
            self._ledgers[fold].tell(number, trial, curve)
            self._told(trial)
            del self._drawn[fold, number]

    @property
    def open(self) -> bool:
        return bool(self._pending or self._drawn) or not all(
            ledger.is_full(self._total) for ledger in self._ledgers.values()
        )


def _ended(drawn: _Drawn) -> tuple[Trial, list[float]]:
    """A trial whose runs have ended, and the first one's score by epoch."""
    failed = next((result for result in drawn.ended.values() if result.trial is None), None)
    if failed is not None:
        state = "unfit" if failed.unsupported else "failed"
        return replace(drawn.trial, state=state, reason=failed.reason), []
    by_seed: list[TrialOutcome] = [r.trial for _, r in sorted(drawn.ended.items()) if r.trial is not None]
    pruned = next((one.pruned_at for one in by_seed if one.pruned_at is not None), None)
    scores = tuple(one.score for one in by_seed)
    ended = replace(
        drawn.trial,
        state="pruned" if pruned is not None else "finished",
        score=statistics.fmean(scores),
        scores=scores,
        run_ids=tuple(one.run_id for one in by_seed),
        seconds=sum(one.seconds for one in by_seed),
        pruned_at=pruned,
    )
    return ended, by_seed[0].curve


@dataclass
class Members:
    """The runs that jobs number, and their data; both grow while a study goes on."""

    members: list[Member] = field(default_factory=list)
    data: list[RunData | None] = field(default_factory=list)

    def add(self, member: Member, data: RunData) -> int:
        """The number of a new one."""
        self.members.append(member)
        self.data.append(data)
        return len(self.members) - 1
