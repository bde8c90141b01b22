"""``fusionbench predict``: what a trained run, or a network by itself, says of a user's own videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusionbench.cli import options as opt

if TYPE_CHECKING:
    from fusionbench.predict.course import Course
    from fusionbench.predict.predictor import Predictor


def predict(
    run_id: Annotated[
        str,
        typer.Argument(help="A run's id, or its first characters; or expression_net, which needs no run."),
    ],
    videos: Annotated[
        list[Path], typer.Argument(help="Videos, folders of videos; or one store that prepare wrote.")
    ],
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            min=1,
            help="Frames that are judged together. Default: as long as the run's training clips.",
            rich_help_panel="How",
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            "--step",
            min=1,
            help="Frames from one window to the next. Default: a quarter of a window; 1 where a run labels "
            "single frames.",
            rich_help_panel="How",
        ),
    ] = None,
    on_bad_clip: opt.OnBadClip = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes. Default: one a core.", rich_help_panel="How"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="CSV",
            help="Table to write, a line a window. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            help="Picture of the probabilities over time: png, svg or pdf. Default: beside --out.",
            rich_help_panel="Output",
        ),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            metavar="MP4",
            help="The video again, with box, mesh and label. Default: none.",
            rich_help_panel="Output",
        ),
    ] = None,
    upgrade_database: opt.UpgradeDatabase = False,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Say what a user's own videos show, moment by moment.

    Faces are found and cut out as the run's training clips were, its front end makes streams of them, its
    head judges them: short clips whole, long ones window by window.

    [bold]Examples[/bold]

      fusionbench predict 2324d497240b holiday.mp4

      fusionbench predict 2324d497240b videos --out said.csv

      fusionbench predict expression_net holiday.mp4 --overlay seen.mp4
    """
    from fusionbench.catalog.plugins import collect
    from fusionbench.cli.screen import Screen
    from fusionbench.figures.files import check_figure_path, drawn
    from fusionbench.predict.ask import courses, drawing_of, predictor_of
    from fusionbench.predict.course import check_table_path, write_table
    from fusionbench.predict.footage import footage
    from fusionbench.predict.overlay import check_overlay_path, write_overlay
    from fusionbench.prepare.ask import bad_clip_policy

    if out is not None:
        check_table_path(out)
        figure = figure or out.with_suffix(".png")
    if figure is not None:
        check_figure_path(figure)
    if overlay is not None:
        check_overlay_path(overlay)
    opt.agree(upgrade_database)
    with Screen() as screen:
        catalog = collect()
        predictor = predictor_of(run_id, catalog, screen)
        found = footage(
            predictor,
            videos,
            on_bad_clip=bad_clip_policy(on_bad_clip),
            workers=workers,
            catalog=catalog,
            watch=screen,
        )
        recording = found.only_recording() if overlay is not None else None
        said = list(courses(predictor, found.store, window, step, screen))
        if out is not None:
            write_table(out, said)
        if figure is not None:
            drawn(lambda: drawing_of(predictor, said), screen.warn, figure)
        if overlay is not None and recording is not None:
            write_overlay(overlay, recording, found.store.arrays, said[0], screen)
    files = [str(path) for path in (out, figure, overlay) if path is not None]
    _show(predictor, said, files, as_json)


def _show(predictor: Predictor, said: list[Course], files: list[str], as_json: bool) -> None:
    if as_json:
        about = {"name": predictor.name, "classes": list(predictor.classes), "stand_in": predictor.stand_in}
        print(json.dumps({**about, "clips": [course.columns() for course in said], "files": files}))
        return

    from rich.console import Console

    from fusionbench.report.course_table import course_table, shares

    console = Console()
    for course in said:
        console.print(course_table(course))
        shown = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares(course).items())
        console.print(f"likeliest in so much of it: {shown}", markup=False, highlight=False)
    if files:
        console.print(f"written: {', '.join(files)}", markup=False, highlight=False)
    else:
        console.print("next: add --out said.csv, or --overlay seen.mp4", markup=False, highlight=False)
