"""A comparison's page where its runs are: beside its other artifacts in MLflow, and in a folder if wanted."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.report.page import PAGE, build_page, build_page_alone
from fusionbench.track.records import find_runs
from fusionbench.track.runs import add_file

if TYPE_CHECKING:
    from fusionbench.study.comparison import Comparison

FOLDER = "report"
"""of the comparison's artifacts"""
_VERSION = "fusionbench.version."
_NAMED = {"fusionbench.commit": "source commit", "fusionbench.data": "data fingerprint"}


def publish(made: Comparison, out: Path | None, warn: Callable[[str], None]) -> Path | None:
    """Builds the page, keeps it with the comparison's run, and leaves all of its files in a folder.

    Args:
        made: finished, its runs in the tracker.
        out: folder for page, tables and figures; None: the tracker's copy alone.
        warn: told what could not be drawn or kept.

    Returns:
        The page in ``out``; None without a folder.

    Raises:
        UserError: the folder cannot be written.
    """
    known = _known(made, warn)
    if out is not None:
        page = build_page(made, out, known, warn)
        _keep(made, page, warn)
        return page
    with tempfile.TemporaryDirectory(prefix="fusionbench-report-") as scratch:
        try:
            _keep(made, build_page_alone(made, Path(scratch), known, warn), warn)
        except Exception as error:  # a page, whatever is wrong with it, is not worth the figures behind it
            warn(f"the report was not made ({type(error).__name__}: {error}). The runs are kept.")
    return None


def _known(made: Comparison, warn: Callable[[str], None]) -> dict[str, list[str]]:
    try:
        return made_with(made)
    except Exception as error:  # the tracker went away after the last run
        warn(f"the report lacks what the runs were made with ({type(error).__name__}: {error}).")
        return {}


def _keep(made: Comparison, page: Path, warn: Callable[[str], None]) -> None:
    try:
        add_file(made.run_id, page, FOLDER)
    except Exception as error:  # a tracker that only reads, or went away
        warn(f"{PAGE} was not kept in MLflow ({type(error).__name__}: {error}).")


def made_with(made: Comparison) -> dict[str, list[str]]:
    """What the runs were made with, as their tags say: name -> every value, the most frequent first."""
    mine = {fold.run_id for _, outcome in made.runs for fold in outcome.folds}
    found: dict[str, Counter[str]] = {}
    records = [
        record
        for name in sorted({outcome.experiment for _, outcome in made.runs})
        for record in find_runs(experiment=name, status="FINISHED")
    ]
    for record in records:
        if record.run_id in mine:
            for tag, value in record.tags.items():
                name = _NAMED.get(tag) or (tag.removeprefix(_VERSION) if tag.startswith(_VERSION) else "")
                if name:
                    found.setdefault(name, Counter())[value] += 1
    return {
        name: [value if len(values) == 1 else f"{value} ({count} runs)" for value, count in _ordered(values)]
        for name, values in sorted(found.items())
    }


def _ordered(values: Counter[str]) -> list[tuple[str, int]]:
    return sorted(values.items(), key=lambda entry: (-entry[1], entry[0]))
