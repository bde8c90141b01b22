"""``fusionbench judge``: the verdict on predictions that were made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fusionbench.cli import options as opt


def judge(
    files: Annotated[
        list[Path],
        typer.Argument(help="CSV files: method, seed, clip, subject, truth, and predicted or scores."),
    ],
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="accuracy, uar, f1, m or positive_f1. Default: accuracy."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option("--positive", help="The positive class, where there are two. Default: none.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="A,B,...",
            help="All classes, if files lack some. Default: those seen.",
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Judge every method against this one. Default: all pairs.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="Points within which methods count as equivalent. Default: 1."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Folder to write the report page into. Default: none.")
    ] = None,
    as_json: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Judge methods by their predictions, wherever they were trained: table, verdicts, answer, report page.

    One line a method, seed and clip. In place of `predicted` a file may hold a score for each class, in
    columns p(CLASS). Nothing is trained and nothing is kept in MLflow.

    [bold]Examples[/bold]

      fusionbench judge ours.csv theirs.csv

      fusionbench judge all.csv --metric uar --against baseline --report page
    """
    from fusionbench.study.judged import judge_files
    from fusionbench.study.terms import read_terms

    terms = read_terms({"against": against, "margin": 1 if margin is None else margin}, "--against, --margin")
    named = [name.strip() for name in classes.split(",")] if classes else None
    made = judge_files(files, terms, metric=metric, positive=positive, classes=named)
    if as_json:
        print(json.dumps(made.plain()))
    else:
        from rich.console import Console

        from fusionbench.report.ranking_table import ranking_table

        Console().print(ranking_table(made))
    if report:
        from fusionbench.report.page import build_page

        page = build_page(made, report)
        if not as_json:
            typer.echo(f"report: {page}")
