"""What a finished run said of every clip, of all its folds, as columns; and those columns as a file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.bench.artifacts import fold_ids, read_fold_predictions
from fusionbench.bench.claim import COMPARISON, KIND_TAG
from fusionbench.contract.errors import UserError
from fusionbench.contract.writing import check_path, form_of, written_whole
from fusionbench.learn.metrics import Predictions, pool
from fusionbench.track.records import get_run

FORMS = ("csv", "parquet", "npz")
"""suffixes that predictions are written under"""


@dataclass(frozen=True)
class RunPredictions:
    """What a run said of the report split, pooled over its folds."""

    run_id: str
    name: str
    stand_in: bool
    last: bool
    """True: with the last epoch's weights; False: with the selected epoch's"""
    classes: tuple[str, ...]
    said: Predictions
    folds: tuple[str, ...] | None = None
    """which fold each clip was judged in, where there are several"""

    def columns(self) -> dict[str, Any]:
        """Name -> ``(clips,)``: ``fold`` where there are several, ``id``, ``subject``, ``truth``,
        ``prediction``, ``p(NAME)`` of each class in float32, ``correct``.

        Texts are lists, a subject that is not known is None. No name of a class meets another column's.
        """
        said = self.said
        probabilities = np.exp(said.log_probabilities)
        return {
            **({"fold": list(self.folds)} if self.folds else {}),
            "id": list(said.ids),
            "subject": list(said.subjects or [None] * len(said.ids)),
            "truth": [self.classes[k] for k in said.labels],
            "prediction": [self.classes[k] for k in said.predicted],
            **{f"p({name})": probabilities[:, k] for k, name in enumerate(self.classes)},
            "correct": said.labels == said.predicted,
        }


def read_run_predictions(run_id: str, *, last: bool = False) -> RunPredictions:
    """The predictions of a run, or of all folds beneath their parent.

    Args:
        run_id: its id, or the first characters of it.
        last: those of the last epoch's weights, not of the selected epoch's.

    Raises:
        UserError: there is no such run, it is a comparison, or it holds no result.
    """
    record = get_run(run_id)
    if record.tags.get(KIND_TAG) == COMPARISON:
        raise UserError(
            f"{record.run_id} is a comparison of many runs. Give one of them: `fusionbench runs --kind run` "
            "lists them."
        )
    folds = fold_ids(record)
    runs = folds or {"": record.run_id}
    read = {name: read_fold_predictions(fold) for name, fold in runs.items()}
    parts = {name: fold.report_last if last else fold.report for name, fold in read.items()}
    named = tuple(name for name, part in parts.items() for _ in part.ids) if folds else None
    return RunPredictions(
        run_id=record.run_id,
        name=record.name,
        stand_in=record.tags.get("fusionbench.stand_in") == "true",
        last=last,
        classes=next(iter(read.values())).classes,
        said=pool(list(parts.values())),
        folds=named,
    )


def check_predictions_path(path: Path) -> None:
    """Says whether predictions can be written to ``path``, before anything is read.

    Raises:
        UserError: the suffix names no format, the folder is missing, or Parquet's library is.
    """
    check_path(path, "a table", FORMS)
    if form_of(path) == "parquet" and not all(map(find_spec, ("pandas", "pyarrow"))):
        raise UserError(
            "Parquet needs pandas and pyarrow: pip install pandas pyarrow. Or write .csv or .npz."
        )


def write_columns(columns: Mapping[str, Any], path: Path) -> None:
    """Write columns of equal length as one file, whole or not at all; the suffix chooses the format.

    CSV and Parquet leave a subject empty that is not known; npz holds an array a column, an
    empty text for such a subject.
    """
    write = {"csv": _write_csv, "parquet": _write_parquet, "npz": _write_npz}[form_of(path)]
    with written_whole(path) as aside:
        write(columns, aside)


def _write_csv(columns: Mapping[str, Any], path: Path) -> None:
    # As text numpy's float32 are as short as they can be and still the same number.
    texts = [v.astype(str).tolist() if isinstance(v, np.ndarray) else v for v in columns.values()]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*texts, strict=True))


def _write_parquet(columns: Mapping[str, Any], path: Path) -> None:
    import pandas

    pandas.DataFrame(dict(columns)).to_parquet(path, engine="pyarrow", index=False)


def _write_npz(columns: Mapping[str, Any], path: Path) -> None:
    arrays: dict[str, Any] = {
        name: v if isinstance(v, np.ndarray) else np.array([text or "" for text in v], dtype=str)
        for name, v in columns.items()
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
