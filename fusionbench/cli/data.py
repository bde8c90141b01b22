"""``fusionbench data``: generate a stand-in, verify what is on disk, import features, look into a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import import_features, options as opt

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Generate a dataset's stand-in, verify what is on disk, import features, look into a store.\n\n"
        "[bold]Examples[/bold]\n\n"
        "  fusionbench data verify afew --data-root /data/AFEW\n\n"
        "  fusionbench data stand-in afew --out generated/afew\n\n"
        "  fusionbench data import mmsa aligned_50.pkl --out mosi\n\n"
        "  fusionbench data show my-features"
    ),
)
app.command("import")(import_features.import_features)
Name = Annotated[str, typer.Argument(help="Dataset.")]


@app.command("stand-in")
def stand_in(
    dataset: Name,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; new or empty.")],
    debug: opt.Debug = False,
) -> None:
    """Write generated clips in a dataset's own layout.

    [bold]Example[/bold]

      fusionbench data stand-in afew --out generated/afew
    """
    from fusionbench.bench.stand_in import make_stand_in
    from fusionbench.catalog.plugins import collect
    from fusionbench.catalog.resolve import Request, resolve_component
    from fusionbench.cli.screen import Screen
    from fusionbench.contract.errors import UserError
    from fusionbench.data.place import writes_to

    with writes_to(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty. Nothing was written; name a new folder.")
    chosen = resolve_component("dataset", dataset, Request(), collect())
    with Screen() as screen:
        make_stand_in(chosen, out, screen)
    print(f"{out} holds a stand-in for {dataset}; every run on it is marked so.")
    print(f"next: fusionbench run --fusion arpg --dataset {dataset} --data-root {out}")


@app.command("verify")
def verify(
    dataset: Name,
    data_root: opt.DataRoot = None,
    decode: Annotated[
        bool, typer.Option("--decode", metavar=opt.FLAG, help="Also decode every clip.")
    ] = False,
    set_: opt.Set = None,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Set what is on disk against what was published, and look for damaged numbers and leaks.

    Exit 1 where something is missing, damaged or leaks, else 0.

    [bold]Examples[/bold]

      fusionbench data verify afew

      fusionbench data verify afew --data-root /data/AFEW --decode

      fusionbench data verify streams --data-root my-features --set dataset.folds=5
    """
    from fusionbench.bench.verify import verify as verify_data
    from fusionbench.catalog.plugins import collect
    from fusionbench.catalog.resolve import resolve_component
    from fusionbench.cli.screen import Screen
    from fusionbench.contract.errors import UserError

    request = opt.request({"data.root": data_root}, set_, None, None)
    foreign = [key for key in request.values if key.split(".")[0] not in ("dataset", "data")]
    if foreign:
        raise UserError(f"--set {foreign[0]}: only options of the dataset matter here, dataset.NAME=VALUE.")
    with Screen() as screen:
        verified = verify_data(
            resolve_component("dataset", dataset, request, collect()), data_root, decode, screen
        )
    if as_json:
        print(json.dumps(verified.plain()))
    else:
        from rich.console import Console

        from fusionbench.report.inventory_table import inventory_table

        Console().print(inventory_table(verified))
    raise typer.Exit(0 if verified.sound else 1)


@app.command("show")
def show(
    store: Annotated[Path, typer.Argument(help="Store of streams.")],
    clip: Annotated[str | None, typer.Argument(help="Id of one clip. Default: none.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File for a picture of the clip; .png, .svg or .pdf. Default: none."),
    ] = None,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Show what is inside a store of streams, or one clip of it.

    [bold]Examples[/bold]

      fusionbench data show my-features

      fusionbench data show my-features clip-07

      fusionbench data show my-features clip-07 --out clip-07.png
    """
    from fusionbench.bench.contents import clip_contents, contents
    from fusionbench.contract.errors import UserError
    from fusionbench.report.contents_table import clip_sketch, contents_table

    if clip is None:
        if out is not None:
            raise UserError(
                f"--out {out} draws one clip. Name it: fusionbench data show {store} CLIP --out {out}."
            )
        found = contents(store)
        if as_json:
            print(json.dumps(found.plain()))
            return
        from rich.console import Console

        Console().print(contents_table(found))
        return
    if out is not None:
        from fusionbench.figures.files import check_figure_path

        check_figure_path(out)
    one = clip_contents(store, clip)
    if out is not None:
        from fusionbench.figures.clip import clip_streams
        from fusionbench.figures.files import save_figure

        save_figure(clip_streams(one.streams, clip, one.clip.labels, stand_in=one.stand_in), out)
    if as_json:
        print(json.dumps({**one.plain(), "out": None if out is None else str(out)}))
        return
    print(clip_sketch(one) if out is None else out)
