"""``fusionbench explain``: what a run's head attended to, as figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import options as opt


def explain(
    run_id: Annotated[str, typer.Argument(help="A run's id, or its first characters.")],
    clips: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of clips. Default: the surest of those told right and told wrong."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the figures, which the run keeps as well. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    each: Annotated[
        int,
        typer.Option(
            "--each",
            min=1,
            max=50,
            show_default=False,
            help="So many clips told right, and so many told wrong, where none is named. Default: 2.",
        ),
    ] = 2,
    frame: Annotated[
        int | None,
        typer.Option(
            "--frame",
            min=1,
            help="Target frame, of those the run takes of a clip. Default: the one that is read most.",
        ),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option("--data-root", help="Folder of the run's data, if it moved. Default: the run's own."),
    ] = None,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Draw which frames and streams a head attended to, and clips that it told right and wrong.

    Of heads with attention; with faces at hand also what the regions of a face read of each other.

    [bold]Examples[/bold]

      fusionbench explain 2324d497240b

      fusionbench explain 2324d497240b report/000035720 --frame 8 --out figures
    """
    from fusionbench.bench.explain import ExplainedRun
    from fusionbench.bench.explain_figures import FOLDER, check_folder, explain_clips
    from fusionbench.catalog.plugins import collect
    from fusionbench.cli.screen import Screen

    if out is not None:
        check_folder(out)
    opt.agree(upgrade_database)
    with Screen() as screen:
        run = ExplainedRun(run_id, data_root, collect(), screen)
        done, sheet = explain_clips(run, clips or run.choose(each), frame, out, screen)
    if as_json:
        about = {
            "run_id": run.record.run_id,
            "artifacts": f"{run.record.artifacts}/{FOLDER}",
            "out": None if out is None else str(out),
            "samples": sheet,
            "clips": [vars(one) for one in done],
        }
        print(json.dumps(about))
        return

    from rich.console import Console

    from fusionbench.report.explain_table import explain_table

    console = Console()
    console.print(explain_table(run.record, done))
    where = f"{FOLDER}/ of the run" + (f", and {out}" if out else "")
    console.print(f"figures in {where}", markup=False, highlight=False)
    console.print("next: fusionbench ui", highlight=False)
