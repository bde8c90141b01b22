"""``fusionbench report``: the page of a finished comparison or study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.track.records import RunRecord

_PLURAL = {"comparison": "comparisons", "study": "studies"}
"""kinds that have a page"""


def report(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RUN_ID", help="Name of an experiment or study, or the run id of either."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for page, tables and figures. Default: report-NAME here."),
    ] = None,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Make the page of a finished comparison or study: one index.html, tables and figures beside it.

    Nothing is trained. Of several of one name it is the newest; the page also stands among the
    artifacts of its run in MLflow, as report/index.html.

    [bold]Examples[/bold]

      fusionbench report smoke

      fusionbench report afew_fusions --out paper/heads

      fusionbench report 2324d497240b --json
    """
    from fusionbench.cli.screen import Screen
    from fusionbench.report.file_names import distinct_names
    from fusionbench.report.page import check_folder
    from fusionbench.report.publish import publish, publish_study
    from fusionbench.study.finished import read_comparison
    from fusionbench.study.finished_study import read_study

    opt.agree(upgrade_database)
    record, kinds = _find(asked)
    is_study = record.tags.get("fusionbench.kind") == "study"
    name = record.tags.get("fusionbench.study" if is_study else "fusionbench.experiment") or record.run_id
    folder = out or Path(f"report-{distinct_names([name])[0]}")
    check_folder(folder)
    with Screen() as screen:
        if len(kinds) > 1:
            said = " and ".join(sorted({_PLURAL[kind] for kind in kinds}))
            lists = " and ".join(f"`fusionbench runs --kind {kind}`" for kind in sorted(set(kinds)))
            screen.note(
                f"{len(kinds)} {said} are called {asked!r}; this is the newest, {record.run_id}. "
                f"Name another by its id; {lists} lists them."
            )
        if is_study:
            page = publish_study(read_study(record.run_id), folder, screen.warn)
        else:
            page = publish(read_comparison(record.run_id), folder, screen.warn)
    if as_json:
        print(json.dumps({"run_id": record.run_id, "page": str(page)}))
    else:
        print(page)


def _find(asked: str) -> tuple[RunRecord, list[str]]:
    """The comparison or study that a name or an id means, and of what kinds those are that bear the name."""
    from fusionbench.contract.errors import UserError
    from fusionbench.study.finished import find_finished
    from fusionbench.track.records import get_run

    try:
        found = find_finished(asked, tuple(_PLURAL))
        return found[0], [record.tags["fusionbench.kind"] for record in found]
    except UserError as no_name:
        try:
            return get_run(asked), []
        except UserError as no_id:
            raise no_name from no_id
