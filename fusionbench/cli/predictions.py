"""``fusionbench predictions``: what a run said of each clip, on the screen or as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fusionbench.cli import options as opt


def predictions(
    run_id: Annotated[str, typer.Argument(help="A run's id, or its first characters.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File for all rows; .csv, .parquet or .npz. Default: none, the first rows are shown.",
            rich_help_panel="Output",
        ),
    ] = None,
    last: Annotated[
        bool,
        typer.Option(
            "--last",
            metavar=opt.FLAG,
            help="With the last epoch's weights; else with those of the epoch that was selected.",
        ),
    ] = False,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Show or write what a run said of every clip of its report split, one row a clip.

    Columns: id, subject, truth, prediction, p(CLASS) for each class, correct. The parent of several
    folds gives the clips of all, with a column fold.

    [bold]Examples[/bold]

      fusionbench predictions 2324d497240b

      fusionbench predictions 2324d497240b --out predictions.csv

      fusionbench predictions 2324d497240b --last --out last.parquet
    """
    from fusionbench.bench.run_predictions import (
        check_predictions_path,
        read_run_predictions,
        write_columns,
    )

    if out is not None:
        check_predictions_path(out)
    opt.agree(upgrade_database)
    found = read_run_predictions(run_id, last=last)
    columns = found.columns()
    if out is not None:
        write_columns(columns, out)
    clips = len(found.said.ids)
    if as_json:
        about = {
            "run_id": found.run_id,
            "name": found.name,
            "stand_in": found.stand_in,
            "epoch": "last" if last else "selected",
            "classes": list(found.classes),
            "clips": clips,
            "out": None if out is None else str(out),
        }
        print(json.dumps(about if out is not None else {**about, "predictions": _rows(columns)}))
        return

    from rich.console import Console

    from fusionbench.report.predictions_table import predictions_table
    from fusionbench.report.runs_table import SHOWN_ID

    console = Console()
    if out is not None:
        console.print(f"{out}: {clips} rows", markup=False, highlight=False)
        return
    console.print(predictions_table(found))
    epoch = " --last" if last else ""
    console.print(
        f"next: fusionbench predictions {found.run_id[:SHOWN_ID]}{epoch} --out predictions.csv",
        highlight=False,
    )


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns as JSON can hold them, a row a clip."""
    plain = {name: v if isinstance(v, list) else v.tolist() for name, v in columns.items()}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
