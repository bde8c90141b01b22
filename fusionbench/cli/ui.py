"""``fusionbench ui``: browse the runs."""

from __future__ import annotations

from typing import Annotated

import typer

from fusionbench.cli import options as opt


def ui(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            help="Port to serve on; a free one when it is in use. Default: 5000.",
        ),
    ] = None,
    upgrade_database: opt.UpgradeDatabase = False,
    debug: opt.Debug = False,
) -> None:
    """Browse the runs in MLflow's page, served on this machine until Ctrl-C.

    Prints one link an experiment. It opens the table of runs, best first, with head, dataset,
    scores and cost as columns. Tick two runs and click Compare to set them side by side; click
    one for its curves and predictions.

    Runs are looked for in mlflow.db here, or where MLFLOW_TRACKING_URI says.

    [bold]Examples[/bold]

      fusionbench ui

      fusionbench ui --port 8080

      MLFLOW_TRACKING_URI=sqlite:////data/mlflow.db fusionbench ui
    """
    from fusionbench.track.server import serve
    from fusionbench.track.view import experiments_link

    opt.agree(upgrade_database)
    typer.echo("Starting MLflow, a few seconds ...")
    try:
        with serve(port, show_log=debug) as page:
            if page.port_taken is not None:
                typer.echo(f"Port {page.port_taken} is in use; took another.")
            typer.echo(f"Runs of {page.store} at {page.url}")
            for experiment, link in page.links.items():
                typer.echo(f"\n  {experiment}\n  {link}")
                if experiment in page.comparisons:
                    typer.echo(f"  newest comparison: {page.comparisons[experiment]}")
            if not page.links:
                typer.echo(f"\n  {experiments_link(page.url)}")
                typer.echo("\nNo runs here yet; the page fills as they come. To make one:")
                typer.echo("  fusionbench run --fusion arpg --dataset afew --stand-in")
            if page.process is not None:
                typer.echo("\nCtrl-C stops the server.")
            page.wait()
    except KeyboardInterrupt:
        typer.echo("\nStopped.")
