"""Puts a report together: evidence to sections, sections to one page with tables and figures beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.contract.errors import UserError
from fusionbench.contract.writing import written_whole
from fusionbench.figures.files import drawn
from fusionbench.report.document import Block, Picture, Report, Table, pictures, tables
from fusionbench.report.evidence import Evidence
from fusionbench.report.html import html
from fusionbench.report.latex import latex
from fusionbench.report.plain_tables import as_csv, as_markdown
from fusionbench.report.sections.absent import absent
from fusionbench.report.sections.checklist import checklist
from fusionbench.report.sections.classes import classes
from fusionbench.report.sections.cost import cost
from fusionbench.report.sections.groups import folds, subjects
from fusionbench.report.sections.learning import learning, selection
from fusionbench.report.sections.opening import STAND_IN, answer, subtitle
from fusionbench.report.sections.pairs import pairs, ranks
from fusionbench.report.sections.paper import paper
from fusionbench.report.sections.ranked import ranked
from fusionbench.report.sections.rebuild import FILE, experiment_file, rebuild
from fusionbench.report.sections.tuned import tuned

if TYPE_CHECKING:
    from fusionbench.study.comparison import Comparison

PAGE = "index.html"
FORMS: Mapping[str, Callable[[Table], str]] = {"csv": as_csv, "md": as_markdown, "tex": latex}
"""suffix of a table's file -> how it is written"""
PRINTED = ("svg", "pdf")
"""suffixes of a figure's files; the first stands in the page"""


def build_page(
    comparison: Comparison,
    out: Path,
    made_with: Mapping[str, Sequence[str]] | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Path:
    """Writes the page of a comparison, its tables and figures; the same runs give the same bytes.

    Args:
        comparison: finished.
        out: folder to fill; made if need be. Files of these names are replaced, others left alone.
        made_with: what ran, such as ``torch`` -> its versions over all runs; for the checklist.
        warn: told of a figure that could not be drawn.

    Returns:
        The page, ``index.html`` in ``out``.

    Raises:
        UserError: no run has figures, or the folder cannot be written.
    """
    report = compose(comparison, made_with or {})
    return write_report(report, out, {FILE: experiment_file(Evidence.of(comparison))}, warn)


def write_report(
    report: Report, out: Path, beside: Mapping[str, str], warn: Callable[[str], None] = lambda message: None
) -> Path:
    """Writes a page with its tables and figures.

    Args:
        report: composed.
        out: folder to fill; made if need be.
        beside: further files: name -> text.
        warn: told of a figure that could not be drawn.

    Raises:
        UserError: the folder cannot be written.
    """
    blocks = _blocks(report)
    try:
        for folder in (out, out / "tables", out / "figures"):
            folder.mkdir(parents=True, exist_ok=True)
        for table in tables(blocks):
            for suffix, form in FORMS.items():
                _write(out / "tables" / f"{table.name}.{suffix}", form(table))
        drawings = _draw(pictures(blocks), out / "figures", warn, PRINTED)
        for name, text in beside.items():
            _write(out / name, text)
        _write(out / PAGE, html(report, drawings))
    except OSError as error:
        raise UserError(
            f"a report cannot be written to {out}: {error.strerror or error}. Name another folder."
        ) from error
    return out / PAGE


def write_page(report: Report, folder: Path, warn: Callable[[str], None] = lambda message: None) -> Path:
    """The same page, byte for byte, without the files beside it; arguments as for ``write_report``."""
    drawings = _draw(pictures(_blocks(report)), folder, warn, PRINTED[:1])
    _write(folder / PAGE, html(report, drawings))
    return folder / PAGE


def compose(comparison: Comparison, made_with: Mapping[str, Sequence[str]]) -> Report:
    """Everything that a page says, before anything is drawn.

    Raises:
        UserError: no run has figures.
    """
    evidence = Evidence.of(comparison)
    if not evidence.heads:
        raise UserError(
            f"no run of {comparison.experiment.name!r} has figures, so there is nothing to report."
        )
    made = (
        answer(evidence),
        ranked(evidence),
        pairs(evidence),
        ranks(evidence),
        tuned(evidence),
        paper(evidence),
        classes(evidence),
        subjects(evidence),
        folds(evidence),
        cost(evidence),
        learning(evidence),
        selection(evidence),
        absent(evidence),
        checklist(evidence, made_with),
        rebuild(evidence),
    )
    return Report(
        title=comparison.experiment.question or f"Comparison {comparison.experiment.name}",
        subtitle=subtitle(evidence),
        mark=STAND_IN if comparison.stand_in else "",
        sections=tuple(section for section in made if section is not None),
    )


def _blocks(report: Report) -> list[Block]:
    return [block for section in report.sections for block in section.blocks]


def _draw(
    asked: Sequence[Picture], folder: Path, warn: Callable[[str], None], forms: Sequence[str]
) -> dict[str, bytes]:
    """Name -> SVG of every figure that could be drawn; its files are in the folder."""
    made = {}
    for picture in asked:
        files = [folder / f"{picture.name}.{form}" for form in forms]
        if drawn(picture.make, warn, *files) is not None:
            made[picture.name] = files[0].read_bytes()
    return made


def _write(path: Path, text: str) -> None:
    with written_whole(path) as aside:
        aside.write_bytes(text.encode("utf-8", "backslashreplace"))


def check_folder(out: Path) -> None:
    """Says whether a report can be written to ``out``, before anything is computed for it.

    Raises:
        UserError: it is no folder, or cannot be written.
    """
    try:
        if out.exists() and not out.is_dir():
            raise UserError(
                f"a report cannot be written to {out}: that is no folder. Give the name of a folder."
            )
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"a report cannot be written to {out}: {reason}. Name another folder.") from error
