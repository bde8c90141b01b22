"""``fusionbench tune``: the best configuration of one head, found on the selection split and judged once."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import executor as who, options as opt

SEARCH = "Search"


def tune(
    experiment: Annotated[
        Path | None,
        typer.Argument(help="A YAML file with base and tune, or the name of a shipped one. Default: none."),
    ] = None,
    fusion: opt.Fusion = None,
    relation: opt.Relation = None,
    backbone: opt.Backbone = None,
    dataset: opt.Dataset = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="fusion,training|FILE.yaml",
            help="Whose declared options are searched, or a file of options and their values. "
            "Default: all that learn.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            min=1,
            help="How many in all, those of before included. Default: all points of a grid, else 40.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            metavar="grid|random|tpe",
            help="How points are drawn. Default: grid where there are at most 100 points, else tpe.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, help="Seeds of a trial, from --seed on. Default: 1.", rich_help_panel=SEARCH
        ),
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(
            "--confirm",
            min=0,
            help="Train so many of the best again with fresh seeds; 0 = none. Default: 3.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            metavar=opt.FLAG,
            help="End trials early that stay below the median of the others.",
            rich_help_panel=SEARCH,
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Of the study, to go on with it. Default: made of head, data and what is searched.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="postgresql://...",
            help="Database that several machines share. Default: a file in the cache.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    data_root: opt.DataRoot = None,
    stand_in: opt.StandIn = False,
    on_bad_clip: opt.OnBadClip = None,
    epochs: opt.Epochs = None,
    seed: opt.Seed = None,
    fold: opt.Fold = None,
    metric: opt.Metric = None,
    device: opt.Device = None,
    threads: opt.Threads = None,
    workers: who.Workers = None,
    executor: who.Executor = "local",
    address: who.Address = "auto",
    set_: opt.Set = None,
    config: opt.ConfigFile = None,
    registry: opt.Registry = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            metavar=opt.FLAG,
            help="Train the chosen configuration even if that very run is finished.",
            rich_help_panel="Training",
        ),
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE.yaml",
            help="Write what was chosen as a file for --config. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Also leave the study's page, its tables and figures in this folder. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    dry_run: opt.DryRun = False,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Search for the best configuration of one head, on the selection split alone.

    The best few are trained again with fresh seeds, the winner is judged once on the report split.
    The same command goes on where it stopped, and may run in several processes at once.

    [bold]Examples[/bold]

      fusionbench tune --fusion arpg --dataset afew --stand-in --trials 40 --workers 2

      fusionbench tune afew_trs_patches --stand-in --epochs 8

      fusionbench tune --fusion est --dataset afew --space training --save tuned.yaml

      fusionbench tune --fusion arpg --dataset afew --space my-space.yaml --sampler random --dry-run
    """
    given = {
        "fusion": fusion,
        "relation": relation,
        "backbone": backbone,
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
    who.check_executor(executor, address)

    from fusionbench.catalog.plugins import collect
    from fusionbench.study.asked import asked_of
    from fusionbench.study.design import design

    flags = {"trials": trials, "sampler": sampler, "seeds": seeds, "confirm": confirm, "prune": prune or None}
    asked = asked_of(experiment, opt.request(given, set_, config, registry), flags, space)
    planned = design(asked.request, asked.tuning, collect(), name, asked.question)
    if dry_run:
        _dry_run(planned, as_json)
        return

    from fusionbench.cli.screen import Screen
    from fusionbench.contract.writing import check_path
    from fusionbench.report.page import check_folder
    from fusionbench.report.publish import publish_study
    from fusionbench.study.saved import save_chosen
    from fusionbench.study.tune import tune as search

    if save:
        check_path(save, "a configuration", ("yaml", "yml"))
    if report:
        check_folder(report)
    with (
        Screen() as screen,
        who.cluster(executor, address, workers, lambda: [planned.base], screen, storage) as nodes,
    ):
        made = search(planned, workers or 1, screen, storage=storage, again=again, cluster=nodes)
        page = publish_study(made, report, screen.warn)
    written = save_chosen(made, save) if save else []
    if as_json:
        print(json.dumps(made.plain()))
        return

    from rich.console import Console

    from fusionbench.contract.addresses import shown
    from fusionbench.report.tune_table import next_command, tune_table
    from fusionbench.track.connection import tracking_uri
    from fusionbench.track.view import page_of

    console = Console()
    console.print(tune_table(made))
    for file in written:
        console.print(f"written: {file}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"next: {next_command(made, written)}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"      fusionbench report {shlex.quote(made.study)}", highlight=False, soft_wrap=True)
    console.print("      fusionbench ui", highlight=False)
    if page:
        console.print(f"report: {page}", highlight=False, soft_wrap=True, markup=False)
    there = page_of(tracking_uri(), made.mlflow_experiment_id, made.run_id)
    console.print(f"its page there: {shown(there)}", highlight=False, soft_wrap=True)


def _dry_run(planned: object, as_json: bool) -> None:
    from fusionbench.study.design import Design

    assert isinstance(planned, Design)
    if as_json:
        plain = {
            "space": planned.space.plain(),
            "default": planned.default,
            "sampler": planned.sampler,
            "trials": planned.total,
            "seeds": planned.seeds,
            "confirm": planned.tuning.confirm,
            "config": planned.base.plain(),
        }
        print(json.dumps(plain, default=str))
        return

    from rich.console import Console

    from fusionbench.report.tune_table import design_table

    Console().print(design_table(planned))
