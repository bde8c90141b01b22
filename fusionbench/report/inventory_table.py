"""What a dataset holds beside what was published, its parts and streams, and all that is wrong with it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fusionbench.bench.verify import Verified
from fusionbench.report.tables import plain_table


def inventory_table(verified: Verified) -> Group:
    """Parts, folds, streams, counts a split and class; then what was found, then the problems."""
    shown: list[RenderableType] = [_parts(verified)]
    if verified.folds:
        shown.append(_folds(verified))
    if verified.streams:
        shown.append(_streams(verified))
    shown.append(_counts(verified))
    if verified.findings:
        shown.append(_findings(verified))
    if verified.inventory.problems:
        shown.append(_problems(verified))
    return Group(*shown)


def _parts(verified: Verified) -> Table:
    data = "  [stand-in: generated data]" if verified.stand_in else ""
    table = plain_table(escape(f"{verified.dataset} in {verified.root}{data}"))
    for column in ("part", "clips", "subjects", "classes"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part in verified.parts:
        people = "not known" if part.subjects is None else str(part.subjects)
        table.add_row(escape(part.name or "all"), str(part.clips), people, str(len(part.classes)))
    return table


def _folds(verified: Verified) -> Table:
    """Each fold, the classes of what it reports on from the rarest to the most frequent."""
    table = plain_table(f"{len(verified.folds)} folds")
    for column in (
        "fold",
        "trained on",
        "selected on",
        "reported on",
        "subjects",
        "classes",
        "clips a class",
    ):
        table.add_column(column, justify="left" if column == "fold" else "right")
    for fold in verified.folds:
        people = "not known" if fold.subjects is None else str(fold.subjects)
        least, most = min(fold.classes.values()), max(fold.classes.values())
        counts = (str(fold.train), str(fold.selection), str(fold.report), people, str(len(fold.classes)))
        table.add_row(escape(fold.name), *counts, str(least) if least == most else f"{least} to {most}")
    return table


def _streams(verified: Verified) -> Table:
    table = plain_table("streams")
    for column in ("stream", "width", "shortest clip", "median", "longest"):
        table.add_column(column, justify="left" if column == "stream" else "right")
    for stream in verified.streams:
        lengths = (str(stream.shortest), f"{stream.median:g}", str(stream.longest))
        table.add_row(escape(stream.name), str(stream.width), *lengths)
    return table


def _counts(verified: Verified) -> Table:
    inventory = verified.inventory
    counts = inventory.found
    framed = any(clip.labels for clip in inventory.clips)
    table = plain_table("judged frames" if framed else "clips")
    columns = ("split/class", "found", *(["published"] if inventory.published else []))
    for column in columns:
        table.add_column(column, justify="left" if column == "split/class" else "right")
    held = [f"{part.name}/{label}" for part in verified.parts for label in part.classes]
    for key in dict.fromkeys([*held, *sorted(inventory.published)]):
        found, published = counts.get(key, 0), inventory.published.get(key)
        style = "yellow" if published is not None and published != found else None
        cells = (escape(key.removeprefix("/")), str(found), "" if published is None else str(published))
        table.add_row(*cells[: len(columns)], style=style)
    cells = ("all", str(sum(counts.values())), str(sum(inventory.published.values())))
    table.add_row(*cells[: len(columns)], style="bold")
    return table


def _findings(verified: Verified) -> Table:
    wrong = sum(finding.wrong for finding in verified.findings)
    table = plain_table(f"{len(verified.findings)} finding(s), {wrong} of them wrong")
    table.add_column("")
    table.add_column("what was found")
    for finding in verified.findings:
        state, style = ("wrong", "yellow") if finding.wrong else ("note", None)
        table.add_row(state, escape(finding.message), style=style)
    return table


def _problems(verified: Verified) -> Table:
    table = plain_table(f"{len(verified.inventory.problems)} problem(s)")
    table.add_column("clip")
    table.add_column("reason")
    for problem in verified.inventory.problems:
        table.add_row(escape(problem.clip), escape(problem.reason))
    return table
