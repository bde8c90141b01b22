"""``fusionbench prepare``: videos to a store of aligned faces."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.data.store import Store
    from fusionbench.prepare.prepare import Prepared

WHOSE = "Labels"
HOW = "How"
FOLDS = 5
"""where neither parts nor people are known"""


def prepare(
    source: Annotated[
        Path, typer.Argument(help="A video; or a folder of videos, of images, or of what OpenFace wrote.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the store to write.")],
    folders: Annotated[
        str | None,
        typer.Option(
            "--folders",
            metavar="split/label",
            help="What the levels of folders are: label, split, subject, - for none. Default: nothing.",
            rich_help_panel=WHOSE,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="CSV",
            help="Table with a column file and label, split, subject. Default: none.",
            rich_help_panel=WHOSE,
        ),
    ] = None,
    tree: Annotated[
        str | None,
        typer.Option(
            "--tree",
            metavar="afew|crema_d|ravdess|rml",
            help="SOURCE is such a set as it is given out. Default: none.",
            rich_help_panel=WHOSE,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="Dataset that reads SOURCE and names its clips. Default: none.",
            rich_help_panel=WHOSE,
        ),
    ] = None,
    aligner: Annotated[
        str | None,
        typer.Option(
            "--aligner",
            help="mesh, opencv, openface, none or another. Default: mesh where it can work, else opencv.",
            rich_help_panel=HOW,
        ),
    ] = None,
    size: Annotated[
        int,
        typer.Option(
            "--size",
            min=32,
            max=512,
            help="Side of a face in pixels. Default: 112.",
            show_default=False,
            rich_help_panel=HOW,
        ),
    ] = 112,
    face: Annotated[
        str,
        typer.Option(
            "--face",
            metavar="track|largest|central",
            help="Which of several faces. Default: track.",
            show_default=False,
            rich_help_panel=HOW,
        ),
    ] = "track",
    gaps: Annotated[
        str,
        typer.Option(
            "--gaps",
            metavar="mask|nearest|drop-clip",
            help="What is done with frames without a face. Default: mask.",
            show_default=False,
            rich_help_panel=HOW,
        ),
    ] = "mask",
    on_bad_clip: opt.OnBadClip = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes. Default: one a core.", rich_help_panel=HOW),
    ] = None,
    assignments: opt.Set = None,
    debug: opt.Debug = False,
) -> None:
    """Find, align and store the faces of videos.

    Frames without a face are recorded, never skipped. Contact sheets in STORE/sheets show what was cut out.

    [bold]Examples[/bold]

      fusionbench prepare clip.mp4 --out clip-faces

      fusionbench prepare videos --folders split/label --out faces

      fusionbench prepare videos --labels labels.csv --gaps nearest --out faces

      fusionbench prepare /data/CREMA-D --tree crema_d --on-bad-clip skip --out crema-faces
    """
    from fusionbench.catalog.plugins import collect
    from fusionbench.cli.screen import Screen
    from fusionbench.prepare.ask import asked
    from fusionbench.prepare.prepare import prepare as prepare_recordings

    began = time.monotonic()
    with Screen() as screen:
        plan = asked(
            source,
            whose={"folders": folders, "labels": labels, "tree": tree, "dataset": dataset},
            aligner=aligner,
            size=size,
            face=face,
            gaps=gaps,
            on_bad_clip=on_bad_clip or "fail",
            assignments=assignments or [],
            catalog=collect(),
            watch=screen,
        )
        done = prepare_recordings(
            plan.root,
            plan.recordings,
            out,
            plan.way,
            gaps=plan.gaps,
            on_bad_clip=plan.on_bad_clip,
            stand_in=plan.stand_in,
            workers=workers,
            watch=screen,
        )
    _show(done, out, time.monotonic() - began, dataset or tree)


def _show(done: Prepared, out: Path, seconds: float, of: str | None) -> None:
    from rich.console import Console

    from fusionbench.prepare.prepare import listed
    from fusionbench.report.prepared_table import prepared_table

    Console().print(prepared_table(done))
    frames = sum(counted.frames for counted in done.counted.values())
    print(
        f"{len(done.counted)} clip(s), {frames} frames in {seconds:.0f} s; faces: {out}, look: {done.sheets}"
    )
    if done.skipped:
        print(listed(done.skipped))
    print(_next(done.store, out, of))


def _next(store: Store, out: Path, of: str | None) -> str:
    """The command that follows, on the dataset or tree that the clips are of where it can be read so."""
    from fusionbench.catalog.plugins import collect

    labelled = [clip for clip in store.index.clips if any(clip.judged)]
    if not labelled:
        return "no clip has a label: give --folders, --labels, --tree or --dataset to train on them."
    known = collect().components["dataset"].get(of or "")
    dataset = of if known and known.cls.takes_prepared else "frames"
    folds = ""
    if dataset == "frames" and not any(clip.split for clip in labelled):
        people = len({clip.subject for clip in labelled if clip.subject})
        folds = f" --set dataset.folds={'loso' if people > 1 else FOLDS}"
    command = f"fusionbench run --fusion arpg --dataset {dataset} --data-root {shlex.quote(str(out))}{folds}"
    return f"next, on faces by {store.made['aligner']}: {command}"
