"""``fb.run``, ``fb.compare``, ``fb.experiment`` and ``fb.load``: the commands, with the same words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.bench.artifacts import fold_ids, read_fold
from fusionbench.bench.claim import COMPARISON, FOLDS, KIND_TAG, REPRODUCTION, RUN
from fusionbench.bench.outcome import Outcome
from fusionbench.bench.run import run as run_request
from fusionbench.catalog.resolve import read_options
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.door.ask import asked, catalog_for, classes_in, components_of
from fusionbench.door.results import ComparisonResult, RunResult
from fusionbench.study.compare import compare as run_all
from fusionbench.study.experiment import Experiment, read_experiment
from fusionbench.study.finished import read_comparison
from fusionbench.study.terms import read_terms
from fusionbench.study.tuning import read_budget
from fusionbench.track.records import get_run, read_json


def run(
    fusion: Any,
    dataset: Any,
    *,
    set: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | None = None,
    again: bool = False,
    watch: Watch | None = None,
    **words: Any,
) -> RunResult:
    """Train one head on one dataset, judge it once, keep the run in MLflow.

    Args:
        fusion: name of a head or preset, or a class of your own.
        dataset: name of a dataset or preset, or a class.
        set: any option by its dotted key, as in ``{"fusion.trs": 5}``.
        config: YAML file of options.
        again: train even if the very same run is finished.
        watch: told of progress; default none.
        **words: the flags of ``fusionbench run``: ``data_root``, ``stand_in``, ``epochs``, ``seed``,
            ``fold``, ``relation``, ``backbone``, ``front_end``, ``metric``, ``device``, ``threads``,
            ``on_bad_clip``.

    Raises:
        UserError: as the command line says it.
    """
    words = {"fusion": fusion, "dataset": dataset, **words}
    catalog = catalog_for(classes_in(components_of(words)))
    return RunResult(run_request(asked(words, set, config), watch, catalog, again=again), catalog)


def compare(
    fusion: Sequence[Any],
    dataset: Any,
    *,
    seeds: int | Sequence[int] = 1,
    against: str | None = None,
    margin: float = 1.0,
    tune: int | Mapping[str, Any] | None = None,
    workers: int = 1,
    set: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    **words: Any,
) -> ComparisonResult:
    """Run every head with every seed on the same terms, rank and judge them.

    Args:
        fusion: names of heads or presets, classes of your own among them.
        dataset: name of a dataset or preset, or a class.
        seeds: how many, or which.
        against: judge every row against this one only; None judges all pairs.
        margin: points within which two rows count as equivalent.
        tune: configurations that each row is also tuned with, or what an experiment's ``tune`` section holds.
        workers: processes; classes of this session can't be handed to others.
        set: any option by its dotted key.
        config: YAML file of options.
        watch: told of progress; default none.
        **words: the flags of ``fusionbench compare``, as for ``run``.

    Raises:
        UserError: as the command line says it; or classes of this session with several workers.
    """
    if isinstance(fusion, (str, type)):
        fusion = [fusion]
    classes = classes_in([*fusion, *components_of({"dataset": dataset, **words})])
    request = asked({"dataset": dataset, **words}, set, config)
    base, origins = read_options(request)
    names = [getattr(head, "name", head) for head in fusion]
    question = f"Which of {len(names)} heads is best on the same terms?"
    vary = {"fusion": names, "seed": list(range(seeds)) if isinstance(seeds, int) else list(seeds)}
    terms = read_terms({"against": against, "margin": margin, "metric": words.get("metric")}, "fb.compare")
    if tune is not None and not isinstance(tune, Mapping):
        tune = {"trials": tune}
    budget = read_budget(tune, "fb.compare") if tune is not None else None
    made = Experiment("heads", question, base, origins, vary, terms=terms, tuning=budget)
    return _carried_out(made, classes, workers, watch)


def experiment(
    path: str | os.PathLike[str], *, workers: int = 1, watch: Watch | None = None, **words: Any
) -> ComparisonResult:
    """Carry out an experiment's file, or one that ships with fusionbench.

    Args:
        path: YAML file, or a shipped experiment's name.
        workers: processes.
        watch: told of progress; default none.
        **words: laid over the experiment's base, as for ``run``.

    Raises:
        UserError: as the command line says it.
    """
    return _carried_out(read_experiment(Path(path), asked(words, None)), [], workers, watch)


def _carried_out(
    made: Experiment, classes: Sequence[type], workers: int, watch: Watch | None
) -> ComparisonResult:
    if classes and workers > 1:
        names = ", ".join(cls.__name__ for cls in classes)
        raise UserError(
            f"{names}: classes of this session can't be handed to other processes. Leave out workers, "
            "or make a package of them: fusionbench new fusion NAME."
        )
    catalog = catalog_for(classes)
    return ComparisonResult(run_all(made, workers, watch, catalog), catalog)


def load(run_id: str) -> RunResult | ComparisonResult:
    """A finished run or comparison by its id, or by the first characters of it.

    Raises:
        UserError: there is none, or it did not finish.
    """
    record = get_run(run_id)
    kind = record.tags.get(KIND_TAG)
    if kind == COMPARISON:
        return ComparisonResult(read_comparison(record.run_id))
    if kind not in (RUN, FOLDS, REPRODUCTION) or record.status != "FINISHED":
        raise UserError(
            f"{record.name} ({record.run_id}) is {record.status.lower()}, kind {kind or 'unknown'}: there is "
            "no result to load. `fusionbench runs` lists runs with their state."
        )
    folds = list(fold_ids(record).values()) or [record.run_id]
    config = read_json(folds[0], "config.json")["values"]
    return RunResult(
        Outcome(
            name=record.name,
            run_id=record.run_id,
            experiment="",
            config=config,
            identity=record.tags.get("fusionbench.identity", ""),
            stand_in=record.tags.get("fusionbench.stand_in") == "true",
            folds=[read_fold(fold) for fold in folds],
        )
    )
