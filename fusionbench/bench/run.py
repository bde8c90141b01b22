"""A run in eight steps: collect, resolve, seed, load, build, track, fit, report."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fusionbench.bench.artifacts import keep_model, log_fold, log_folds, read_fold
from fusionbench.bench.build import build, check_device, seed_everything, told_of_maps
from fusionbench.bench.claim import FOLDS, REPRODUCTION, RUN, Claim, claim, close_orphans, join
from fusionbench.bench.cost import measure_cost
from fusionbench.bench.digits import log_digits
from fusionbench.bench.disk import refuse_full_disk
from fusionbench.bench.expected_time import ExpectedTime
from fusionbench.bench.load import Learning, Loaders, load
from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.bench.provenance import CONFIG, log_provenance
from fusionbench.bench.source import RunData, open_data
from fusionbench.bench.tracking import RunNotes, track
from fusionbench.catalog.identity import run_identity
from fusionbench.catalog.plugins import Catalog, collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.dataset import Fold
from fusionbench.contract.hashing import digest
from fusionbench.contract.hooks import RunInfo
from fusionbench.contract.starting import started
from fusionbench.contract.watch import Watch
from fusionbench.learn.fit import Fitted, Stop, fit, predict
from fusionbench.learn.front_end import Model
from fusionbench.learn.metrics import chance, scores
from fusionbench.learn.objective import objective
from fusionbench.track.connection import get_client
from fusionbench.track.runs import TrackedRun


@dataclass(frozen=True)
class Surroundings:
    """What stands around a run and is no part of it: who is told, and where it is written down."""

    catalog: Catalog
    """whose observers are told"""
    watch: Watch
    notes: RunNotes
    parent: str | None = None
    """MLflow run that the run lies beneath"""
    again: bool = False
    """True trains a run that is finished once more"""
    wait: bool = True
    """False raises `Busy` where another process works on the run"""
    reproduces: str | None = None
    """finished run that is done over; what comes of it lies beside that run and never takes its place"""


def run(
    request: Request, watch: Watch | None = None, catalog: Catalog | None = None, *, again: bool = False
) -> Outcome:
    """Everything that ``fusionbench run`` does; folds share one parent run.

    Args:
        request: what the user asked for.
        watch: told of progress and warnings.
        catalog: components to choose from; default all that are installed.
        again: train even if the very same run was finished before.

    Raises:
        UserError: the request, the data or a component is at fault.
    """
    catalog = catalog or collect()
    config = resolve(request, catalog)
    return run_resolved(config, catalog, watch or Watch(), again=again)


def check(request: Request, catalog: Catalog | None = None) -> RunConfig:
    """What ``run`` would run: resolved and validated, nothing read or trained."""
    config = resolve(request, catalog or collect())
    check_device(config.options.device)
    return config


def run_resolved(config: RunConfig, catalog: Catalog, watch: Watch, *, again: bool = False) -> Outcome:
    """Run a resolved config."""
    seed_everything(config)
    prepare_tracker()
    data = open_data(config, watch)
    for line in told_of_maps(config, data):
        watch.note(line)
    folds = data.folds(config.options.fold)
    notes = RunNotes.of(config, data)
    around = Surroundings(catalog, watch, notes, again=again)
    if len(folds) == 1:
        only = run_fold(config, data, folds[0], around)
        return outcome_of(notes, only.run_id, only.identity, [only], config, data)
    identity = digest([fold_identity(config, data, fold) for fold in folds])
    with join(identity, FOLDS) as held, track(notes.folds(identity), held, watch) as tracked:
        beneath = replace(around, parent=tracked.run_id)
        outcomes = [run_fold(config, data, fold, beneath) for fold in folds]
        outcome = outcome_of(notes, tracked.run_id, identity, outcomes, config, data)
        log_folds(tracked, outcome)
    return outcome


def prepare_tracker() -> None:
    """Reach the tracker before anything else is done, and tidy up after runs that were killed.

    Raises:
        UserError: it does not answer, or its database cannot be used.
    """
    get_client()
    started()
    close_orphans()


def run_fold(config: RunConfig, data: RunData, fold: Fold, around: Surroundings) -> FoldOutcome:
    """One fold from seed to report, unless the very same run is finished.

    Raises:
        Busy: another process works on it, and waiting was not wanted.
    """
    identity = fold_identity(config, data, fold)
    seat, kind = identity, RUN
    if around.reproduces:
        seat, kind = digest([REPRODUCTION, around.reproduces, identity]), REPRODUCTION
    with claim(seat, around.watch, wait=around.wait, kind=kind) as held:
        if held.finished and not around.again:
            return read_fold(held.finished)
        return _run_claimed(config, data, fold, identity, held, around)


def _run_claimed(
    config: RunConfig, data: RunData, fold: Fold, identity: str, held: Claim, around: Surroundings
) -> FoldOutcome:
    """The eight steps less the two that all folds share."""
    seed_everything(config)
    loaders = load(config, data, fold)
    model = build(config, data, loaders)
    refuse_full_disk(model)
    notes = around.notes
    opened = notes.fold(identity, fold.name, around.reproduces)
    with track(opened, held, around.watch, around.parent) as tracked:
        tracked.log_json(notes.config, CONFIG)  # now: it tries the artifact store before the training
        log_provenance(tracked, config, data, loaders.parts, identity, around.catalog, around.watch.warn)
        info = RunInfo(notes.name, identity, config.plain(), data.stand_in)
        around.catalog.observe("run_started", around.watch, info)
        fitted = fit_model(config, data, model, loaders, held, tracked, info, around)
        outcome = report(config, data, fitted, loaders, fold, tracked, identity)
        log_digits(tracked, outcome)
        log_fold(tracked, outcome, fitted, data)
        keep_model(tracked, config, data, fitted.model, notes.name, outcome, loaders.train.clips)
        around.catalog.observe("run_ended", around.watch, info, report=outcome.metrics)
    return outcome


def fit_model(
    config: RunConfig,
    data: RunData,
    model: Model,
    loaders: Loaders | Learning,
    held: Claim,
    tracked: TrackedRun,
    info: RunInfo,
    around: Surroundings,
    stop: Stop | None = None,
) -> Fitted:
    """Train; each epoch is logged, shown, and told to observers."""
    training = config.options.training
    epochs = 1 if model.head.solved else training.epochs
    expected = ExpectedTime(epochs, around.watch)

    def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
        tracked.log_metrics(metrics, step=epoch)
        around.watch.epoch(epoch, epochs, metrics)
        expected.epoch_ended(epoch)
        around.catalog.observe("epoch_ended", around.watch, info, epoch=epoch, metrics=metrics)

    aim = objective(
        training, data.dataset.protocol.loss, data.judging(config), loaders.train.labels, data.classes
    )
    fitted = fit(
        model,
        loaders.train,
        loaders.selection,
        training,
        aim,
        config.options.device,
        on_epoch,
        held.checkpoint(around.watch.warn),
        stop,
    )
    for epoch, metrics in enumerate(fitted.history[: fitted.resumed_at], 1):
        tracked.log_metrics(metrics, step=epoch)  # a kill may have lost the last ones; the others are dropped
    return fitted


def report(
    config: RunConfig,
    data: RunData,
    fitted: Fitted,
    loaders: Loaders,
    fold: Fold,
    tracked: TrackedRun,
    identity: str,
) -> FoldOutcome:
    """Judge the report split once: with the selected epoch's weights, and with the last one's."""
    device, model, judging = config.options.device, fitted.model, data.judging(config)
    cost = measure_cost(config.fusion, model, loaders.report, device)
    cost["train_s_per_epoch"] = statistics.mean(fitted.seconds)
    subjects = loaders.report.subjects
    chosen = replace(predict(model, loaders.report, device), subjects=subjects)
    selected_state = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(fitted.last_state)
    last = replace(predict(model, loaders.report, device), subjects=subjects)
    model.load_state_dict(selected_state)
    metrics = {
        **fitted.history[fitted.selected_epoch - 1],
        **{f"report/{name}": value for name, value in scores(chosen, judging).items()},
        **{f"report_last/{name}": value for name, value in scores(last, judging).items()},
    }
    return FoldOutcome(
        fold=fold.name,
        run_id=tracked.run_id,
        identity=identity,
        metrics=metrics,
        cost=cost,
        chance=chance(loaders.train.labels, loaders.report.labels, judging),
        selected_epoch=fitted.selected_epoch,
        report=chosen,
        report_last=last,
        epochs=len(fitted.history),
        resumed_at=fitted.resumed_at,
        history=fitted.epochs(),
        classes=list(data.dataset.classes),
        parts=loaders.parts.sizes(),
        subject_leak=loaders.parts.subject_leak(),
        judging=judging,
    )


def fold_identity(config: RunConfig, data: RunData, fold: Fold) -> str:
    return run_identity(config, fold.name, data.fingerprint, data.weights)


def outcome_of(
    notes: RunNotes, run_id: str, identity: str, folds: list[FoldOutcome], config: RunConfig, data: RunData
) -> Outcome:
    """The folds of a run, or of its reproduction, as one."""
    return Outcome(
        name=notes.name,
        run_id=run_id,
        experiment=notes.experiment,
        config=config.plain(),
        identity=identity,
        stand_in=data.stand_in,
        folds=folds,
        skipped=[dict(s) for s in data.skipped],
    )
