"""``fusionbench runs`` and ``run-info``: what was run, and one run in full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.track.records import RunRecord


def runs(
    experiment: Annotated[
        str | None, typer.Option("--experiment", help="Runs of this MLflow experiment. Default: of all.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="run, folds, comparison, reproduction, study or trial. Default: all."),
    ] = None,
    most: Annotated[
        int,
        typer.Option("--most", min=1, show_default=False, help="So many, the newest first. Default: 20."),
    ] = 20,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """List runs with their ids and scores, the newest first.

    [bold]Examples[/bold]

      fusionbench runs

      fusionbench runs --kind comparison --most 5

      fusionbench runs --experiment "afew (stand-in)" --json
    """
    from fusionbench.bench.claim import close_orphans
    from fusionbench.contract.errors import unknown
    from fusionbench.track.connection import database_file, tracking_uri
    from fusionbench.track.records import experiments, find_runs

    opt.agree(upgrade_database)
    file = database_file(tracking_uri())
    known = {} if file is not None and not file.exists() else experiments()
    if known:
        close_orphans()
    if experiment is not None and experiment not in known:
        raise unknown("MLflow experiment", experiment, known)
    found = find_runs(experiment=experiment, tags={"fusionbench.kind": kind} if kind else None, most=most)
    if as_json:
        names = {number: name for name, number in known.items()}
        print(json.dumps([_plain(record, names.get(record.experiment_id, "")) for record in found]))
        return

    from rich.console import Console

    from fusionbench.report.runs_table import SHOWN_ID, runs_table

    console = Console()
    console.print(runs_table(found, tracking_uri()))
    if found:
        console.print(f"next: fusionbench run-info {found[0].run_id[:SHOWN_ID]}", highlight=False)
    else:
        console.print("next: fusionbench run --fusion arpg --dataset afew --stand-in", highlight=False)


def run_info(
    run_id: Annotated[str, typer.Argument(help="A run's id, or its first characters.")],
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Show one run: how it ended, its scores and costs, its parameters, where its artifacts lie.

    [bold]Example[/bold]

      fusionbench run-info 2324d497240b
    """
    from fusionbench.track.records import experiments, get_run

    opt.agree(upgrade_database)
    record = get_run(run_id)
    experiment = {number: name for name, number in experiments().items()}.get(record.experiment_id, "")
    if as_json:
        print(
            json.dumps(
                {**_plain(record, experiment), "params": dict(record.params), "tags": dict(record.tags)}
            )
        )
        return

    from rich.console import Console

    from fusionbench.report.runs_table import run_info_table

    Console().print(run_info_table(record, experiment))


def _plain(record: RunRecord, experiment: str) -> dict[str, Any]:
    """A run as JSON can hold it."""
    return {
        "run_id": record.run_id,
        "name": record.name,
        "experiment": experiment,
        "kind": record.tags.get("fusionbench.kind", ""),
        "state": record.status,
        "metrics": dict(record.metrics),
        "started": record.started.isoformat(),
        "ended": record.ended.isoformat() if record.ended else None,
        "artifacts": record.artifacts,
    }
