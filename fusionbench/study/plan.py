"""What a comparison will do: every fold of every member, finished or to be run, on equal terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusionbench.bench.claim import IDENTITY_TAG, KIND_TAG, RUN
from fusionbench.bench.run import fold_identity
from fusionbench.bench.source import RunData, data_key, open_data, peek_data
from fusionbench.catalog.plugins import Catalog, collect
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.hashing import canonical
from fusionbench.contract.watch import Watch
from fusionbench.study.experiment import Experiment, Member, members
from fusionbench.study.job import Job
from fusionbench.track.records import find_runs


@dataclass(frozen=True)
class Absent:
    """A member that gave no figures."""

    label: str
    seed: int
    reason: str

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Plan:
    """What ``compare`` will do: every fold of every member, finished or to be run."""

    members: list[Member]
    data: list[RunData | None]
    """of each member; None where it does not fit, or is not read yet"""
    folds: dict[tuple[int, str], str]
    """(member, fold) -> identity"""
    finished: dict[str, str]
    """identity -> run id"""
    skipped: list[Absent]
    unread: list[int]
    """members whose clips were never read, so that nothing is known of their runs (a dry run reads none)"""

    @property
    def pending(self) -> list[Job]:
        """What has to be run."""
        return [Job(k, name) for (k, name), identity in self.folds.items() if identity not in self.finished]


def plan(experiment: Experiment, watch: Watch, catalog: Catalog | None = None, *, dry: bool = False) -> Plan:
    """Resolve an experiment, prepare its data, and look up what is finished.

    Args:
        experiment: what to compare.
        watch: told of progress.
        catalog: default all installed components.
        dry: read and extract nothing that is not in the cache.

    Raises:
        UserError: the rows are not on equal terms, or the data are absent.
    """
    catalog = catalog or collect()
    made = members(experiment, catalog)
    data: list[RunData | None] = []
    skipped: list[Absent] = []
    unread: list[int] = []
    opened: dict[str, RunData | None] = {}
    for k, member in enumerate(made):
        key = data_key(member.config)
        try:
            if key not in opened:
                opened[key] = (peek_data if dry else open_data)(member.config, watch)
            data.append(opened[key])
            if opened[key] is None:
                unread.append(k)
        except NotSupported as error:
            skipped.append(Absent(member.label, member.seed, str(error)))
            data.append(None)
    _refuse_mixed_data(experiment, [d for d in data if d])
    folds = {}
    for k, (member, read) in enumerate(zip(made, data, strict=True)):
        if read is None:
            continue
        for fold in read.folds(member.config.options.fold):
            folds[k, fold.name] = fold_identity(member.config, read, fold)
    return Plan(made, data, folds, _finished(set(folds.values())), skipped, unread)


def _refuse_mixed_data(experiment: Experiment, data: list[RunData]) -> None:
    if len({d.stand_in for d in data}) > 1:
        raise UserError(
            "generated and real data would stand in one ranking. Compare them in two experiments."
        )
    for dataset in {d.dataset.name for d in data}:
        differing = _differing([d.dataset.preparation() or {} for d in data if d.dataset.name == dataset])
        if differing:
            raise UserError(
                f"differently prepared faces of {dataset} would stand in one ranking: {differing}. "
                "Compare them in several experiments."
            )
    varied = {key.split(".")[0] for key in experiment.row_keys}
    if len({d.fingerprint for d in data}) > 1 and not varied & {"dataset", "data", "backbone"}:
        raise UserError("the clips changed between two runs of one experiment. Run it again on data at rest.")


def _differing(ways: list[Mapping[str, Any]]) -> str:
    """What is not the same in all of them, in words; empty where all is."""
    told = []
    for key in sorted({key for way in ways for key in way}):
        values = dict.fromkeys(canonical(way.get(key)) for way in ways)
        if len(values) > 1:
            told.append(f"{key} {' or '.join(values)}")
    return ", ".join(told)


def _finished(identities: set[str]) -> dict[str, str]:
    """Identity -> run id, of the identities whose run is finished."""
    records = find_runs(tags={KIND_TAG: RUN}, status="FINISHED")
    return {r.tags[IDENTITY_TAG]: r.run_id for r in records if r.tags.get(IDENTITY_TAG) in identities}
