"""``fusionbench new``: a plugin to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import options as opt

app = typer.Typer(
    no_args_is_help=True,
    help=("Write a new plugin to start from.\n\n[bold]Example[/bold]\n\n  fusionbench new fusion gated"),
)


@app.command("fusion")
def fusion(
    name: Annotated[str, typer.Argument(help="What --fusion will call the head.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write. Default: NAME-fusion.")] = None,
    debug: opt.Debug = False,
) -> None:
    """Write a fusion head with its entry point and its test, ready to install and to change.

    [bold]Example[/bold]

      fusionbench new fusion gated --out plugins/gated
    """
    from fusionbench.authoring.new import new_fusion
    from fusionbench.catalog.plugins import collect

    root, head, test, project = new_fusion(name, out, collect())
    print(f"{head}  the head: change it\n{test}  its test\n{project}  its entry point")
    print(f"next: pip install -e {root}")
    print(f"      fusionbench check fusion {name}")
    print(f"      fusionbench run --fusion {name} --dataset afew --stand-in")
