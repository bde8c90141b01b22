"""What is needed to do a finished run over: its config again, its data, and what is not as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusionbench.bench.artifacts import has_folds
from fusionbench.bench.build import check_device, seed_everything
from fusionbench.bench.differences import (
    Difference,
    differences,
    in_order,
    option_differences,
    short,
    unknown,
)
from fusionbench.bench.parts import part_fold
from fusionbench.bench.provenance import CONFIG, SOURCE, component_versions, provenance, read_provenance
from fusionbench.bench.reproducible import folds_of
from fusionbench.bench.run import fold_identity, prepare_tracker
from fusionbench.bench.source import RunData, find_root, open_data, peek_data
from fusionbench.catalog.in_session import DISTRIBUTION
from fusionbench.catalog.plugins import ROLE_NAMES, RUN_KINDS, Catalog
from fusionbench.catalog.restore import restore
from fusionbench.catalog.run_config import RunConfig, flatten
from fusionbench.contract.dataset import Fold
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.track.records import RunRecord, get_run, read_json

FINGERPRINT = "data.fingerprint"


@dataclass(frozen=True)
class Wishes:
    """What the user wants otherwise than it was; None: as it was."""

    data_root: Path | None = None
    threads: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class FoldPlan:
    """One run that is done over."""

    record: RunRecord
    fold: Fold | None
    """None where the data were not read yet"""
    then: Mapping[str, Any]
    """its provenance"""
    now: Mapping[str, Any]
    """what it would be here"""

    @property
    def name(self) -> str:
        """Of the fold."""
        return self.record.params["fold"]


@dataclass(frozen=True)
class Plan:
    """A run, or all folds of one, ready to be done over."""

    record: RunRecord
    """as it was asked for"""
    config: RunConfig
    data: RunData | None
    """None where a plan was all that was wanted, and they would have to be decoded first"""
    folds: tuple[FoldPlan, ...]
    differences: tuple[Difference, ...]
    """the worst first"""
    not_recorded: tuple[str, ...]
    """what was not written down then"""
    not_looked_at: tuple[str, ...]
    """what is not known here before the run"""
    catalog: Catalog
    wishes: Wishes
    refusal: str = ""
    """why it cannot be run as it stands"""

    @property
    def of_folds(self) -> bool:
        """Whether the run is the parent of folds."""
        return has_folds(self.record)


def plan(run_id: str, watch: Watch, catalog: Catalog, wishes: Wishes, *, peek: bool = False) -> Plan:
    """What would be run, and what differs here.

    Args:
        run_id: a finished run, or the first characters of its id.
        watch: told of progress.
        catalog: the components that are installed.
        wishes: what shall not be as it was.
        peek: look at no data that would have to be decoded first.

    Raises:
        UserError: there is no such run or it is not finished, a component is gone or off, an option is
            no longer there, or the data are not here.
    """
    prepare_tracker()
    record = get_run(run_id)
    records = folds_of(record)
    then = [read_provenance(each) for each in records]
    recorded = _recorded(records[0], then[0], catalog)
    config = _as_it_was(recorded, record, then[0], wishes, watch)
    seed_everything(config)
    data = _open(config, record, watch, peek)
    folds = [
        _fold_plan(config, catalog, data, each, known) for each, known in zip(records, then, strict=True)
    ]
    found = {each: None for fold in folds for each in _differences(fold, several=len(folds) > 1)}
    values = flatten(read_json(records[0].run_id, CONFIG)["values"])
    options = option_differences(values, config.flat())
    return Plan(
        record,
        config,
        data,
        tuple(folds),
        tuple(in_order([*found, *options])),
        tuple(unknown(then[0], folds[0].now)),
        tuple(unknown(folds[0].now, then[0])),
        catalog,
        wishes,
        "" if wishes.data_root else _refusal(record, folds[0], config),
    )


def _recorded(record: RunRecord, known: Mapping[str, Any], catalog: Catalog) -> RunConfig:
    """The config of a run, its components as they are installed now."""
    owner = f"run {record.run_id}"
    for kind, component in ((kind, known.get(kind) or {}) for kind in RUN_KINDS):
        if (
            component.get("distribution") == DISTRIBUTION
            and component["plugin"] not in catalog.components[kind]
        ):
            raise UserError(
                f"{owner} needs {ROLE_NAMES[kind]} {component['plugin']!r}, a class of a session that is "
                f"over. What it had of files is in the run's {SOURCE}; as a package, which "
                "`fusionbench new` makes, a component is known to every command."
            )
    kept = read_json(record.run_id, CONFIG)
    values = kept.get("values") if isinstance(kept, dict) else None
    if not isinstance(values, dict) or not {"fusion", "dataset"} <= set(values):
        raise UserError(f"{owner} holds a {CONFIG} that names no head and no dataset: it is damaged.")
    return restore(values, kept.get("origins") or {}, component_versions(record), catalog, owner)


def _as_it_was(
    config: RunConfig, record: RunRecord, known: Mapping[str, Any], wishes: Wishes, watch: Watch
) -> RunConfig:
    """The config with the data where they are now, on the device of then if this machine has one."""
    options = config.options
    device = wishes.device or _device(options.device, watch)
    chosen = {"device": device, "threads": wishes.threads or options.threads}
    if not has_folds(record):
        chosen["fold"] = record.params["fold"]
    if wishes.data_root is not None:
        chosen["data"] = options.data.model_copy(update={"root": wishes.data_root, "stand_in": False})
    elif not options.data.stand_in:
        chosen["data"] = options.data.model_copy(update={"root": _root(config, known)})
    return replace(config, options=options.model_copy(update=chosen))


def _device(recorded: str, watch: Watch) -> str:
    try:
        check_device(recorded)
    except UserError as error:
        watch.warn(f"{error} The run goes on cpu instead.")
        return "cpu"
    return recorded


def _root(config: RunConfig, known: Mapping[str, Any]) -> Path:
    """Where the data were; where they are no more, but lie where this dataset's do by default, there."""
    named, usual = (find_root(config.dataset, root) for root in (config.options.data.root, None))
    kept = known.get("data", {}).get("root")
    places = [Path(kept) if kept else named, named, usual]
    return next((place for place in places if place.exists()), places[0])


def _open(config: RunConfig, record: RunRecord, watch: Watch, peek: bool) -> RunData | None:
    try:
        return (peek_data if peek else open_data)(config, watch)
    except UserError as error:
        root = config.options.data.root
        if root is None or root.exists():
            raise
        raise UserError(
            f"the data of run {record.run_id} are not here: {error} Say where they are with "
            "--data-root PATH; they are known by what they hold, wherever they lie."
        ) from error


def _fold_plan(
    config: RunConfig, catalog: Catalog, data: RunData | None, record: RunRecord, then: Mapping[str, Any]
) -> FoldPlan:
    if data is None:
        return FoldPlan(record, None, then, provenance(config, catalog))
    (fold,) = data.folds(record.params["fold"])
    parts = part_fold(fold, data.clips, data.dataset.protocol)
    identity = fold_identity(config, data, fold)
    return FoldPlan(record, fold, then, provenance(config, catalog, data, parts, identity))


def _differences(fold: FoldPlan, several: bool) -> list[Difference]:
    """Of one fold; its split is told apart from that of others."""
    found = differences(fold.then, fold.now)
    if not several:
        return found
    own = ("split", "identity")
    return [
        replace(each, what=f"{each.what} of fold {fold.name}") if each.what.startswith(own) else each
        for each in found
    ]


def _refusal(record: RunRecord, fold: FoldPlan, config: RunConfig) -> str:
    """Other data are no slip that a user should find out from the verdict."""
    changed = [each for each in differences(fold.then, fold.now) if each.what == FINGERPRINT]
    if not changed:
        return ""
    where = "the stand-in generated here" if config.options.data.stand_in else f"{config.options.data.root}"
    return (
        f"the data are not those of run {record.run_id}: {where} has the fingerprint "
        f"{short(changed[0].now)}, not {short(changed[0].then)}. "
        "Say with --data-root PATH where the data of then are; "
        "a folder that is named so is taken whatever it holds."
    )
