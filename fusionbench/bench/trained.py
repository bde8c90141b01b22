"""``fb.load_model``: a finished run's model, whole, to be asked about other clips."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import replace
from pathlib import Path

import torch

from fusionbench.bench.build import assemble_front_end, build_head, takes_streams
from fusionbench.bench.model_file import DESCRIPTION, FOLDER, WEIGHTS, Description, Part, read_model
from fusionbench.bench.trained_model import TrainedModel
from fusionbench.catalog.identity import source_hash, toolkit_hash
from fusionbench.catalog.plugins import ROLE_NAMES, Catalog, collect
from fusionbench.catalog.restore import restore_component
from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.errors import UserError
from fusionbench.contract.types import StreamSpec
from fusionbench.learn.front_end import Model
from fusionbench.track.records import find_runs, get_run, read_file

_RUN_ID = re.compile(r"[0-9a-f]{32}")


def load_model(source: str | os.PathLike[str], catalog: Catalog | None = None) -> TrainedModel:
    """The model of a finished run, with the weights of its selected epoch.

    Only tensors and JSON are read; the code is that of the installed plugins.

    Args:
        source: a run's id as ``fusionbench run`` prints it (of one fold, where there are several),
            or the run's artifact folder ``model``, or one of the two files in it.
        catalog: components to choose from; default all that are installed.

    Warns:
        UserWarning: the code of a component, or of what heads share, is not what it was.

    Raises:
        UserError: there is no such run or file, a plugin is missing, or a file is damaged.
    """
    description, weights = _files(source)
    about, tensors = read_model(description, weights)
    chosen = {
        kind: _chosen(kind, part, catalog or collect(), description) for kind, part in about.parts.items()
    }
    _warn_of_changes(about, chosen, description)
    with torch.random.fork_rng(devices=[]):  # whatever is drawn is overwritten
        model = _built(about, chosen, description)
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise UserError(
            f"{weights} does not fit {type(model.head).__name__} as it is built here: "
            f"{' '.join(str(error).split())[:500]} Install the versions that {description} names."
        ) from error
    return TrainedModel(model, about)


def _files(source: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Description and weights of a source."""
    path = Path(source).expanduser()
    if path.is_dir():
        inside = path / FOLDER
        folder = inside if inside.is_dir() and not (path / DESCRIPTION).exists() else path
        return folder / DESCRIPTION, folder / WEIGHTS
    if path.exists():
        return path.with_name(DESCRIPTION), path.with_name(WEIGHTS)
    if not _RUN_ID.fullmatch(str(source)):
        raise UserError(
            f"no model at {str(source)!r}: it is no file or folder, and no run id (32 digits and letters "
            f"a to f). Give a run's id, or its artifact folder {FOLDER!r}."
        )
    run_id = str(source)
    get_run(run_id)
    try:
        folder = read_file(run_id, FOLDER)
        return folder / DESCRIPTION, folder / WEIGHTS
    except UserError as error:
        beneath = find_runs(tags={"mlflow.parentRunId": run_id}, status="FINISHED")
        if not beneath:
            raise UserError(
                f"run {run_id} keeps no model: it did not finish, or was made before models were kept whole. "
                "Run it again."
            ) from error
        listed = ", ".join(f"{run.name} {run.run_id}" for run in reversed(beneath[-8:]))
        raise UserError(
            f"run {run_id} has no model of its own, but {len(beneath)} runs beneath it have. "
            f"Give the id of one of them: {listed}{', ...' if len(beneath) > 8 else ''}."
        ) from error


def _chosen(kind: str, part: Part, catalog: Catalog, description: Path) -> Chosen:
    chosen = restore_component(
        kind, part.name, part.plugin, part.version, part.options, catalog, str(description)
    )
    options = chosen.options
    if getattr(options, "weights", None) is not None:
        # the model brings its own; that file may be gone
        return replace(chosen, options=options.model_copy(update={"weights": None}))
    return chosen


def _warn_of_changes(about: Description, chosen: dict[str, Chosen], description: Path) -> None:
    changed = [
        f"{ROLE_NAMES[kind]} {part.plugin!r} (was {part.version}, is {now.version})"
        for kind, part in about.parts.items()
        if source_hash((now := chosen[kind]).cls) != part.code or now.version != part.version
    ]
    if toolkit_hash() != about.toolkit:
        changed.append(f"fusionbench (was {about.fusionbench})")
    if changed:
        warnings.warn(
            f"{description}: code has changed since this model was trained: {', '.join(changed)}. "
            "What it says may differ from what it said then.",
            UserWarning,
            stacklevel=3,
        )


def _built(about: Description, chosen: dict[str, Chosen], description: Path) -> Model:
    options, backbone = about.front_end, chosen.get("backbone")
    shapes = {array.name: array.shape for array in about.inputs}
    dims = {array.name: array.shape[0] for array in about.streams}
    spec = StreamSpec(dims, len(about.classes), about.max_time)
    statistics = None
    if options.standardise and takes_streams(backbone, options):
        statistics = {name: (torch.zeros(shape), torch.ones(shape)) for name, shape in shapes.items()}
    try:
        front_end = assemble_front_end(backbone, chosen.get("relation"), options, shapes, statistics)
        return Model(front_end, build_head(chosen["fusion"], spec), spec)
    except UserError as error:
        raise UserError(f"{description} describes a model that cannot be built here: {error}") from error
