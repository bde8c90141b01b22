"""``fusionbench cost``: a whole model from frames to logits, stage by stage."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fusionbench.cli import options as opt


def cost(
    fusion: opt.Fusion = None,
    relation: opt.Relation = None,
    backbone: opt.Backbone = None,
    front_end: opt.FrontEnd = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            show_default=False,
            help="Dataset whose classes and clip length are taken. Default: afew.",
            rich_help_panel="What",
        ),
    ] = "afew",
    device: opt.Device = None,
    threads: opt.Threads = None,
    set_: opt.Set = None,
    registry: opt.Registry = None,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Time one clip from frames to logits; needs neither data nor weights.

    [bold]Examples[/bold]

      fusionbench cost --fusion arpg

      fusionbench cost --fusion arpg --backbone ir50-paper --relation region-gat-paper
    """
    from fusionbench.bench.cost import cost_of_model
    from fusionbench.catalog.plugins import collect
    from fusionbench.catalog.resolve import resolve

    given = {
        "fusion": fusion,
        "relation": relation,
        "backbone": backbone,
        "front_end": front_end,
        "dataset": dataset,
        "device": device,
        "threads": threads,
    }
    parts = cost_of_model(resolve(opt.request(given, set_, None, registry), collect()))
    if as_json:
        print(json.dumps([vars(part) for part in parts]))
        return

    from rich.console import Console

    from fusionbench.report.cost_table import cost_table

    Console().print(cost_table(parts))
