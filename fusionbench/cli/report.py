"""``fusionbench report``: the page of a finished comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.track.records import RunRecord


def report(
    comparison: Annotated[
        str, typer.Argument(metavar="NAME|RUN_ID", help="Name of an experiment, or a comparison's run id.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for page, tables and figures. Default: report-NAME here."),
    ] = None,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Make the page of a finished comparison: one index.html, tables and figures beside it.

    Nothing is trained. Of several comparisons of one name it is the newest; the page also stands
    among the comparison's artifacts in MLflow, as report/index.html.

    [bold]Examples[/bold]

      fusionbench report smoke

      fusionbench report afew_fusions --out paper/heads

      fusionbench report 2324d497240b --json
    """
    from fusionbench.cli.screen import Screen
    from fusionbench.report.file_names import distinct_names
    from fusionbench.report.page import check_folder
    from fusionbench.report.publish import publish
    from fusionbench.study.finished import read_comparison

    opt.agree(upgrade_database)
    record, others = _find(comparison)
    name = record.tags.get("fusionbench.experiment") or record.run_id
    folder = out or Path(f"report-{distinct_names([name])[0]}")
    check_folder(folder)
    with Screen() as screen:
        if others:
            screen.note(
                f"{others + 1} comparisons are called {comparison!r}; this is the newest, {record.run_id}. "
                "Name another by its id; `fusionbench runs --kind comparison` lists them."
            )
        made = read_comparison(record.run_id)
        page = publish(made, folder, screen.warn)
    if as_json:
        print(json.dumps({"run_id": record.run_id, "page": str(page)}))
    else:
        print(page)


def _find(asked: str) -> tuple[RunRecord, int]:
    """The comparison that a name or an id means, and how many older ones bear the name."""
    from fusionbench.contract.errors import UserError
    from fusionbench.study.finished import find_comparisons
    from fusionbench.track.records import get_run

    try:
        found = find_comparisons(asked)
        return found[0], len(found) - 1
    except UserError as no_name:
        try:
            return get_run(asked), 0
        except UserError as no_id:
            raise no_name from no_id
