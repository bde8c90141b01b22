"""The page of a study: what it chose, its trials, their figures, and how to make it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fusionbench.report.document import Report
from fusionbench.report.page import write_report
from fusionbench.report.sections.chosen import chosen, study_subtitle
from fusionbench.report.sections.opening import STAND_IN
from fusionbench.report.sections.searched import SEARCH_FILE, search_again, search_file, searched
from fusionbench.report.sections.trials import course, importance, maps, missing, trials
from fusionbench.study.tuned import Tuned


def build_study_page(
    made: Tuned,
    out: Path,
    made_with: Mapping[str, Sequence[str]] | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Path:
    """Writes the page of a study, its tables and figures; arguments and errors as for ``build_page``."""
    report = compose_study(made, made_with or {})
    return write_report(report, out, {SEARCH_FILE: search_file(made)}, warn)


def compose_study(made: Tuned, made_with: Mapping[str, Sequence[str]]) -> Report:
    """Everything that the page says, before anything is drawn."""
    sections = (
        chosen(made),
        maps(made),
        trials(made),
        course(made),
        importance(made),
        missing(made),
        searched(made, made_with),
        search_again(made),
    )
    return Report(
        title=made.design.question or f"Study {made.study}",
        subtitle=study_subtitle(made),
        mark=STAND_IN if made.stand_in else "",
        sections=tuple(section for section in sections if section is not None),
    )
