"""``fusionbench pretrain``: make the tiny front end's weights again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import options as opt


def pretrain(
    out: Annotated[
        Path,
        typer.Option("--out", show_default=False, help="Folder for the two weight files. Default: weights."),
    ] = Path("weights"),
    seed: Annotated[
        int,
        typer.Option(
            "--seed", show_default=False, help="Of the weights; the faces have their own. Default: 0."
        ),
    ] = 0,
    debug: opt.Debug = False,
) -> None:
    """Train the tiny backbone and its relation encoder on generated faces' action units.

    The identities are never used in a stand-in. The shipped weights were made by this command.

    [bold]Examples[/bold]

      fusionbench pretrain --out weights

      fusionbench run --fusion arpg --dataset afew --stand-in \\
        --set backbone.weights=weights/tiny.safetensors \\
        --set relation.weights=weights/region_gat.safetensors
    """
    from fusionbench.authoring.pretrain import pretrain as train_front_end
    from fusionbench.cli.screen import Screen

    with Screen() as screen:
        made = train_front_end(out, seed=seed, watch=screen)
    print(made)
