"""Carries out a study: searches on the selection split, confirms with fresh seeds, chooses, judges once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fusionbench.bench.build import check_device, told_of_maps
from fusionbench.bench.claim import IDENTITY_TAG, KIND_TAG, STUDY, close_orphans, join
from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.bench.run import outcome_of, prepare_tracker
from fusionbench.bench.sameness import Sameness
from fusionbench.bench.source import RunData
from fusionbench.bench.tracking import RunNotes, track
from fusionbench.bench.trial import Note, TrialOutcome
from fusionbench.contract.dataset import Fold
from fusionbench.contract.errors import FusionBenchError
from fusionbench.contract.hashing import digest
from fusionbench.contract.watch import Watch
from fusionbench.study.design import Design
from fusionbench.study.execute import carry_out
from fusionbench.study.experiment import Member
from fusionbench.study.job import Job, Jobs, Result
from fusionbench.study.ledger import Ledger, Trial
from fusionbench.study.ranking import Spread
from fusionbench.study.search import Search
from fusionbench.study.storage import open_storage
from fusionbench.study.trial_jobs import STUDY_TAG, TRIAL_TAG, Members, TrialJobs
from fusionbench.study.tuned import FoldSearch, Tuned, best_first
from fusionbench.study.tuned_log import log_choice, log_judged
from fusionbench.study.tuning import FRESH_SEEDS
from fusionbench.track.runs import TrackedRun

if TYPE_CHECKING:
    from fusionbench.study.executors.cluster import Cluster

SEARCHING, CONFIRMING, JUDGING = (
    f"{what} (epochs)" for what in ("tuning", "confirming with fresh seeds", "judging what was chosen")
)
"""what progress is told of"""
CONFIRMS_TAG = "fusionbench.confirms"
"""on trials with fresh seeds: the trial whose configuration they confirm"""
SAMPLER_SEED = 2511
"""of all studies: heads that are tuned side by side try the same learning rates"""


def tune(
    design: Design,
    workers: int = 1,
    watch: Watch | None = None,
    *,
    storage: str | None = None,
    tags: Mapping[str, str] | None = None,
    judge: bool = True,
    again: bool = False,
    cluster: Cluster | None = None,
) -> Tuned:
    """Search, confirm, choose; the report split is judged once, for what was chosen, after that.

    The same study goes on where it stopped, and several processes may carry it out at once.

    Args:
        design: what is searched, and how.
        workers: processes; with grid and random search their number changes the time only.
        watch: told of progress.
        storage: ``postgresql://...``; None keeps the study in the cache.
        tags: of the study's MLflow run.
        judge: False leaves the report split alone.
        again: train what is judged even if that very run is finished.
        cluster: whose nodes carry the trials out in place of workers; they are drawn by this process.

    Raises:
        UserError: the data or the study's name are at fault.
        FusionBenchError: every trial failed, or the chosen configuration could not be judged.
    """
    watch = watch or Watch()
    check_device(design.base.options.device)
    prepare_tracker()
    data = design.data(design.base, watch)
    for line in (*told_of_maps(design.base, data), *design.notes):
        watch.note(line)
    work = _Study(design, data, workers, watch, cluster)
    identity = design.identity(data)
    opened = design.opened(
        data, {IDENTITY_TAG: identity, KIND_TAG: STUDY, STUDY_TAG: design.name(data), **(tags or {})}
    )
    with (
        _ledgers(design, data, storage) as ledgers,  # first: another study of this name is refused
        join(identity, STUDY) as held,
        track(opened, held, watch) as tracked,
    ):
        tracked.log_json({"study": design.definition(data), "default": design.default}, "study.json")
        try:
            work.search(ledgers, tracked, identity)
            folds = [_searched(fold, ledger) for fold, ledger in ledgers.items()]
            folds = [work.confirmed(fold, tracked) for fold in folds]
            made = _tuned(design, data, folds, tracked)
            log_choice(made, tracked)
            if judge:  # what was chosen is written down: the report split can't change it any more
                made = replace(made, outcomes=work.judged(folds, tracked, again))
                log_judged(made, tracked)
        finally:
            close_orphans()  # the runs of workers that were killed
    return made


@contextmanager
def _ledgers(design: Design, data: RunData, storage: str | None) -> Iterator[dict[str, Ledger]]:
    """One study a fold: one choice over all folds would have seen every reported subject."""
    name = design.name(data)
    folds = design.folds(data)
    made = {}
    with closing(open_storage(name, storage)) as kept:
        for fold in folds:
            search = Search(design.space, design.sampler, SAMPLER_SEED, _key_of(design, fold))
            own = name if len(folds) == 1 else f"{name}/{fold.name}"
            made[fold.name] = Ledger(kept, own, design.definition(data), search, design.default)
        yield made


def _key_of(design: Design, fold: Fold) -> Callable[[Mapping[str, Any]], str]:
    sameness = Sameness(fold)

    def key(point: Mapping[str, Any]) -> str:
        config = design.configured(point)
        return sameness.key(config, design.data(config))

    return key


def _searched(fold: str, ledger: Ledger) -> FoldSearch:
    same, unfit = ledger.passed
    trials, importance = ledger.trials(), ledger.importance()
    found = FoldSearch(fold, trials, unfit, same, ledger.exhausted, importance=importance)
    if not found.finished:
        reasons = [trial.reason for trial in found.trials if trial.reason] or list(found.unfit.values())
        where = "" if fold == "official" else f" of fold {fold}"
        raise FusionBenchError(
            f"no trial{where} finished. The first reason: {reasons[0] if reasons else 'none was tried'}"
        )
    return found


@dataclass
class _Study:
    """The runs of a study, and who carries them out."""

    design: Design
    data: RunData
    workers: int
    watch: Watch
    cluster: Cluster | None = None

    def _carry_out(
        self, task: str, jobs: Jobs, runs: Members, parent: str, total: int, done: int = 0
    ) -> None:
        """Progress is told in epochs of the whole."""

        def advance(epochs: int) -> None:
            nonlocal done
            done = min(done + epochs, total)
            self.watch.progress(task, done, total)

        advance(0)
        carry_out(
            jobs,
            runs.members,
            runs.data,
            parent,
            self.workers,
            advance,
            self.watch,
            self.design.catalog,
            self.cluster,
        )
        if done < total:
            advance(total - done)

    def _enter(self, runs: Members, label: str, point: Mapping[str, Any], seed: int) -> int:
        config = self.design.configured(point, seed)
        return runs.add(Member((label,), seed, config), self.design.data(config))

    def search(self, ledgers: Mapping[str, Ledger], tracked: TrackedRun, owner: str) -> None:
        """Draw and run trials until every fold has its number of them."""
        design, runs = self.design, Members()
        each = len(design.seeds) * design.epochs

        def told(trial: Trial) -> None:
            if trial.reason:
                self.watch.warn(f"trial {trial.number} {trial.state}: {trial.reason}")

        jobs = TrialJobs(
            ledgers,
            design.total,
            design.seeds,
            lambda point, seed, number: self._enter(runs, f"trial {number}", point, seed),
            {STUDY_TAG: design.name(self.data)},
            design.epochs if design.tuning.prune else None,
            owner,
            told,
        )
        finished = sum(
            trial.state in ("finished", "pruned") for ledger in ledgers.values() for trial in ledger.trials()
        )
        whole = max(design.total * len(ledgers), finished) * each
        self._carry_out(SEARCHING, jobs, runs, tracked.run_id, whole, finished * each)

    def confirmed(self, fold: FoldSearch, tracked: TrackedRun) -> FoldSearch:
        """The best trials once more with fresh seeds: what was luck of a seed does not come twice."""
        best = best_first(fold.finished)[: self.design.tuning.confirm]
        if not best:
            return fold
        seeds, runs = self.design.fresh_seeds(FRESH_SEEDS), Members()
        by_job: dict[Job, Trial] = {}
        for trial in best:
            tags = {
                STUDY_TAG: self.design.name(self.data),
                TRIAL_TAG: str(trial.number),
                CONFIRMS_TAG: f"trial {trial.number}",
            }
            note = Note(f"trial {trial.number} again", tuple(sorted(tags.items())))
            for seed in seeds:
                member = self._enter(runs, note.label, trial.point, seed)
                by_job[Job(member, fold.fold, note)] = trial
        jobs = Jobs(by_job)
        self._carry_out(CONFIRMING, jobs, runs, tracked.run_id, len(by_job) * self.design.epochs)
        return replace(fold, confirmations=_confirmations(by_job, jobs.results, self.watch))

    def judged(self, folds: Sequence[FoldSearch], tracked: TrackedRun, again: bool) -> list[Outcome]:
        """The chosen configuration as ordinary runs, one a seed of a trial; folds each with their own."""
        runs, jobs = Members(), dict[Job, int]()
        for fold in folds:
            for seed in self.design.seeds:
                member = self._enter(runs, "chosen", fold.chosen.trial.point, seed)
                jobs[Job(member, fold.fold, again=again)] = seed
        asked = Jobs(jobs)
        self._carry_out(JUDGING, asked, runs, tracked.run_id, len(jobs) * self.design.epochs)
        by_seed: dict[int, list[FoldOutcome]] = defaultdict(list)
        for job, seed in jobs.items():
            result = asked.results[job]
            if result.outcome is None:
                raise FusionBenchError(f"the chosen configuration could not be judged: {result.reason}")
            by_seed[seed].append(result.outcome)
        configs = {seed: runs.members[job.member].config for job, seed in jobs.items()}
        notes = {seed: RunNotes.of(config, self.data) for seed, config in configs.items()}
        return [
            outcome_of(notes[seed], found[0].run_id, _identity(found), found, configs[seed], self.data)
            for seed, found in by_seed.items()
        ]


def _identity(folds: Sequence[FoldOutcome]) -> str:
    return folds[0].identity if len(folds) == 1 else digest([fold.identity for fold in folds])


def _confirmations(
    by_job: Mapping[Job, Trial], results: Mapping[Job, Result], watch: Watch
) -> dict[int, Spread]:
    """Trial -> its scores with fresh seeds; one that failed there is told and names no winner."""
    scores: dict[int, list[TrialOutcome]] = defaultdict(list)
    failed: set[int] = set()
    for job, trial in by_job.items():
        outcome = results[job].trial
        if outcome is None:
            watch.warn(f"trial {trial.number} failed with a fresh seed: {results[job].reason}")
            failed.add(trial.number)
        else:
            scores[trial.number].append(outcome)
    return {
        number: Spread.of([one.score for one in found])
        for number, found in scores.items()
        if number not in failed
    }


def _tuned(design: Design, data: RunData, folds: Sequence[FoldSearch], tracked: TrackedRun) -> Tuned:
    notes = RunNotes.of(design.base, data)
    return Tuned(
        design=design,
        study=design.name(data),
        run_id=tracked.run_id,
        mlflow_experiment=notes.experiment,
        mlflow_experiment_id=tracked.experiment_id,
        stand_in=data.stand_in,
        metric=data.judging(design.base).decides,
        folds=tuple(folds),
    )
