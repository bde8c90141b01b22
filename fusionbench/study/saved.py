"""The chosen configuration as a file that ``run --config`` takes, with where it came from."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from fusionbench.catalog.documents import plain
from fusionbench.contract.errors import UserError
from fusionbench.contract.judging import SPOKEN
from fusionbench.contract.writing import written_whole
from fusionbench.study.tuned import FoldSearch, Tuned


def save_chosen(made: Tuned, path: Path) -> list[Path]:
    """Writes the chosen configuration; of several folds each has its own, and a file of its own.

    Args:
        made: a finished study.
        path: ``tuned.yaml``; of folds ``tuned-FOLD.yaml`` beside it.

    Raises:
        UserError: it cannot be written.
    """
    written = []
    for fold in made.folds:
        alone = len(made.folds) == 1
        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in fold.fold)
        file = path if alone else path.with_name(f"{path.stem}-{name}{path.suffix}")
        try:
            with written_whole(file) as aside:
                aside.write_text(_text(made, fold, alone), encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{file} cannot be written: {error.strerror}. Name another: --save FILE."
            ) from error
        written.append(file)
    return written


def _text(made: Tuned, fold: FoldSearch, alone: bool) -> str:
    values = {
        **made.design.request.values,
        **made.values(fold.chosen.trial),
        "seed": made.design.seeds[0],
        **({} if alone else {"fold": fold.fold}),
    }
    tree = _nested({key: plain(value) for key, value in values.items() if value is not None or "." in key})
    comments = "".join(f"# {line}\n" for line in _provenance(made, fold))
    return comments + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _provenance(made: Tuned, fold: FoldSearch) -> list[str]:
    chosen, design = fold.chosen, made.design
    metric, seeds = SPOKEN[made.metric], ", ".join(map(str, design.seeds))
    lines = [
        f"Chosen by fusionbench {version('fusionbench')} tune, study {made.study}, MLflow run {made.run_id}.",
        f"Trial {chosen.trial.number} of {fold.ended}, sampler {design.sampler}, seed {seeds}; "
        f"searched: {', '.join(design.space.keys)}.",
        f"Chosen on the selection split: {metric} {100 * (chosen.trial.score or 0):.2f} %.",
    ]
    if chosen.confirmed:
        lines.append(
            f"With {len(chosen.confirmed.values)} fresh seeds there: {100 * chosen.confirmed.mean:.2f} %."
        )
    if made.report:
        pooled = "" if len(made.folds) == 1 else f", all {len(made.folds)} folds pooled"
        lines.append(f"Judged once on the report split: {100 * made.report.mean:.2f} %{pooled}.")
    if made.stand_in:
        lines.append("On generated data (stand-in): it says nothing about real data.")
    if design.request.registry:
        lines.append(f"Names are those of --registry {design.request.registry}.")
    return lines


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *branches, leaf = key.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return tree
