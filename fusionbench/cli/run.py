"""``fusionbench run``: one head, one dataset, one seed, one number that anyone can get again."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fusionbench.cli import options as opt


def run(
    fusion: opt.Fusion = None,
    relation: opt.Relation = None,
    backbone: opt.Backbone = None,
    front_end: opt.FrontEnd = None,
    dataset: opt.Dataset = None,
    data_root: opt.DataRoot = None,
    stand_in: opt.StandIn = False,
    on_bad_clip: opt.OnBadClip = None,
    epochs: opt.Epochs = None,
    seed: opt.Seed = None,
    fold: opt.Fold = None,
    metric: opt.Metric = None,
    device: opt.Device = None,
    threads: opt.Threads = None,
    set_: opt.Set = None,
    config: opt.ConfigFile = None,
    registry: opt.Registry = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            metavar=opt.FLAG,
            help="Train even if this very run is finished; else its result is taken.",
            rich_help_panel="Training",
        ),
    ] = False,
    dry_run: opt.DryRun = False,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Train one fusion head on one dataset, judge it once, and keep the run in MLflow.

    A run that is finished is not trained again: same options, same data, same code, same result.

    [bold]Examples[/bold]

      fusionbench run --fusion arpg --dataset afew

      fusionbench run --fusion arpg --dataset afew --stand-in --set fusion.trs=5

      fusionbench run --config my-run.yaml --seed 3 --dry-run
    """
    given = {
        "fusion": fusion,
        "relation": relation,
        "backbone": backbone,
        "front_end": front_end,
        "dataset": dataset,
        "data.root": data_root,
        "data.stand_in": stand_in,
        "data.on_bad_clip": on_bad_clip,
        "training.epochs": epochs,
        "seed": seed,
        "fold": fold,
        "metric": metric,
        "device": device,
        "threads": threads,
    }
    opt.agree(upgrade_database)
    request = opt.request(given, set_, config, registry)
    if dry_run:
        _dry_run(request, as_json)
        return

    from fusionbench.bench.run import run as run_request
    from fusionbench.cli.screen import Screen

    with Screen() as screen:
        outcome = run_request(request, screen, again=again)
    if as_json:
        print(json.dumps(outcome.plain()))
        return

    from rich.console import Console

    from fusionbench.report.run_table import next_commands, run_table

    console = Console()
    console.print(run_table(outcome))
    console.print(next_commands(outcome, request), markup=False, highlight=False, soft_wrap=True)


def _dry_run(request: object, as_json: bool) -> None:
    from fusionbench.bench.run import check
    from fusionbench.catalog.resolve import Request

    assert isinstance(request, Request)
    config = check(request)
    if as_json:
        print(json.dumps({"config": config.plain(), "origins": dict(config.origins)}, default=str))
        return

    from rich.console import Console

    from fusionbench.report.config_table import config_table

    Console().print(config_table(config))
