"""``fusionbench check``: does a component keep its role's promises?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fusionbench.cli import options as opt
from fusionbench.cli.components import Kind


def check(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="Component or preset.")],
    set_: opt.Set = None,
    data_root: opt.DataRoot = None,
    stream: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="NAME=WIDTH",
            help="A stream to try a head on that fits certain ones only; repeatable. Default: several sets.",
            rich_help_panel="Data",
        ),
    ] = None,
    registry: opt.Registry = None,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Hold a component to every rule of its role. Exit 1 if one is broken.

    A dataset that offers a stand-in is judged on a few generated clips, unless --data-root names its files.
    An importer is judged on a source of its format, where --data-root names one.

    [bold]Examples[/bold]

      fusionbench check fusion arpg

      fusionbench check fusion arpg --set fusion.layers=2

      fusionbench check fusion late --stream audio=74 --stream text=300

      fusionbench check dataset afew --data-root /data/AFEW

      fusionbench check importer mmsa --data-root aligned_50.pkl
    """
    from fusionbench.authoring.check import conformance
    from fusionbench.catalog.plugins import collect
    from fusionbench.catalog.resolve import resolve_component
    from fusionbench.cli.components import known_kind
    from fusionbench.contract.errors import UserError

    request = opt.request({"data.root": data_root}, set_, None, registry)
    chosen = resolve_component(known_kind(kind), name, request, collect())
    for key in request.values:
        if key.partition(".")[0] not in (kind, "data"):
            raise UserError(f"--set {key} is no option of this {kind}; write --set {kind}.OPTION=VALUE.")
    verdict = conformance(chosen, data_root, _dims(stream or []))
    if as_json:
        print(json.dumps(verdict.plain()))
    else:
        from rich.console import Console

        from fusionbench.report.check_table import check_table

        Console().print(check_table(verdict))
    raise typer.Exit(0 if verdict.conforms else 1)


def _dims(streams: list[str]) -> dict[str, int]:
    from fusionbench.contract.errors import UserError

    dims = {}
    for text in streams:
        name, _, width = text.partition("=")
        if not name or not width.isdecimal() or int(width) < 1:
            raise UserError(
                f"--stream {text!r} is no stream; write NAME=WIDTH, as in --stream appearance=128."
            )
        dims[name] = int(width)
    return dims
