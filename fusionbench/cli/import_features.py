"""``fusionbench data import``: feature files that others exchange, as a stream store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.catalog.resolve import Request
    from fusionbench.exchange.bring_in import Choices

CLIPS, STREAMS = "Clips", "Streams"


def import_features(
    format: Annotated[str, typer.Argument(help="What the source is; `fusionbench list importer` names all.")],
    source: Annotated[Path, typer.Argument(help="File or folder.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the store; a store that is there is replaced.")
    ],
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="LABEL|RULE|LABEL:RULE",
            help="Which label, and how numbers become classes: sentiment2, sentiment3, sentiment7, ... "
            "Default: the format's first label.",
            rich_help_panel=CLIPS,
        ),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips",
            metavar="FILE",
            help="CSV with a row a clip: id, and any of split, subject and labels. Default: none.",
            rich_help_panel=CLIPS,
        ),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="NAME=COLUMNS",
            help="What makes a stream, as in left=0-11; repeatable. Default: the format's own.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(
            "--clock",
            metavar="STREAM",
            help="The stream whose frames all shall have, where they differ in length.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    resample: Annotated[
        str | None,
        typer.Option(
            "--resample",
            metavar="mean|nearest|linear",
            help="How the others get the clock's frames.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            "--missing",
            metavar="interpolate|zero|drop-clip",
            help="What is done about NaN and infinities. Default: they are refused.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    set_: opt.Set = None,
    registry: opt.Registry = None,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Make a stream store of feature files that others exchange. Nothing in them is run.

    Exit 2 where something asks for a choice; the message names the clip and the choices.

    [bold]Examples[/bold]

      fusionbench data import mmsa unaligned_50.pkl --out mosi --clock text --resample mean --missing zero

      fusionbench data import ts BasicMotions --out motions --stream accelerometer=0-2 --stream gyroscope=3-5

      fusionbench data import crema_d_votes CREMA-D --out votes

      fusionbench data import openface csvs --out faces --clips labels.csv --missing interpolate
    """
    from fusionbench.catalog.plugins import collect
    from fusionbench.catalog.resolve import resolve_component
    from fusionbench.cli.screen import Screen
    from fusionbench.contract.errors import UserError
    from fusionbench.exchange.bring_in import import_features as bring_in

    request = opt.request({}, set_, None, registry)
    for key in request.values:
        if key.partition(".")[0] != "importer":
            raise UserError(f"--set {key} is no option of an importer; write --set importer.OPTION=VALUE.")
    chosen = resolve_component("importer", format, _with_streams(request, stream or []), collect())
    choices = _choices(label, clock, resample, missing, clips)
    with Screen() as screen:
        imported = bring_in(chosen, source, out, choices, screen)
    if as_json:
        print(json.dumps(imported.plain()))
        return
    from rich.console import Console

    from fusionbench.report.import_table import import_table

    Console().print(import_table(imported))
    for number, command in enumerate(imported.next):
        print(f"{'' if number else 'next:':5} {command}")


def _choices(
    label: str | None,
    clock: str | None,
    resample: str | None,
    missing: str | None,
    clips: Path | None,
) -> Choices:
    from fusionbench.exchange import clock as clocks, missing as holes
    from fusionbench.exchange.bring_in import Choices

    rule: Any = _one_of("--resample", resample, clocks.RULES)
    fills: Any = _one_of("--missing", missing, holes.RULES)
    return Choices(label, clocks.Clock(clock, rule), fills, clips)


def _one_of(flag: str, value: str | None, allowed: Any) -> str | None:
    from fusionbench.contract.errors import UserError, nearest

    if value is not None and value not in allowed:
        rules = "; ".join(f"{name} ({said})" for name, said in allowed.items())
        raise UserError(f"{flag} {value!r}: no such rule.{nearest(value, allowed)} Rules: {rules}.")
    return value


def _with_streams(request: Request, streams: list[str]) -> Request:
    """The request with ``--stream NAME=COLUMNS`` as the option ``streams``; NAME alone is its own column."""
    import re
    from dataclasses import replace

    from fusionbench.contract.errors import UserError

    values, origins = dict(request.values), dict(request.origins)
    for text in streams:
        name, equals, columns = text.partition("=")
        if not re.fullmatch(r"\w[\w-]*", name) or (equals and not columns):
            raise UserError(f"--stream {text!r} is no stream; write NAME=COLUMNS, as in --stream left=0-11.")
        key = f"importer.streams.{name}"
        if key in values:
            raise UserError(f"--stream {name} is given twice.")
        values[key], origins[key] = columns or name, "--stream"
    return replace(request, values=values, origins=origins)
