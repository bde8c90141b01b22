"""A page where its runs are: beside their parent's other artifacts in MLflow, and in a folder if wanted."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.report.document import Report
from fusionbench.report.evidence import Evidence
from fusionbench.report.page import PAGE, compose, write_page, write_report
from fusionbench.report.sections.rebuild import FILE, experiment_file
from fusionbench.report.sections.searched import SEARCH_FILE, search_file
from fusionbench.report.study_page import compose_study
from fusionbench.track.records import find_runs
from fusionbench.track.runs import add_file

if TYPE_CHECKING:
    from fusionbench.study.comparison import Comparison
    from fusionbench.study.tuned import Tuned

FOLDER = "report"
"""of the comparison's artifacts"""
_VERSION = "fusionbench.version."
_NAMED = {"fusionbench.commit": "source commit", "fusionbench.data": "data fingerprint"}
MadeWith = Mapping[str, Sequence[str]]
"""what ran, such as ``torch`` -> its versions over all runs"""


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
    runs = {fold.run_id for _, outcome in made.runs for fold in outcome.folds}
    experiments = {outcome.experiment for _, outcome in made.runs}
    return _published(
        made.run_id,
        lambda: compose(made, _known(runs, experiments, warn)),
        lambda: {FILE: experiment_file(Evidence.of(made))},
        out,
        warn,
    )


def publish_study(made: Tuned, out: Path | None, warn: Callable[[str], None]) -> Path | None:
    """The same of a study."""
    runs = {fold.run_id for outcome in made.outcomes for fold in outcome.folds}
    runs |= {run_id for fold in made.folds for trial in fold.trials for run_id in trial.run_ids}
    return _published(
        made.run_id,
        lambda: compose_study(made, _known(runs, {made.mlflow_experiment}, warn)),
        lambda: {SEARCH_FILE: search_file(made)},
        out,
        warn,
    )


def _published(
    run_id: str,
    composed: Callable[[], Report],
    beside: Callable[[], Mapping[str, str]],
    out: Path | None,
    warn: Callable[[str], None],
) -> Path | None:
    if out is not None:
        page = write_report(composed(), out, beside(), warn)
        _keep(run_id, page, warn)
        return page
    with tempfile.TemporaryDirectory(prefix="fusionbench-report-") as scratch:
        try:
            _keep(run_id, write_page(composed(), Path(scratch), warn), warn)
        except Exception as error:  # a page, whatever is wrong with it, is not worth the figures behind it
            warn(f"the report was not made ({type(error).__name__}: {error}). The runs are kept.")
    return None


def _known(runs: Collection[str], experiments: Collection[str], warn: Callable[[str], None]) -> MadeWith:
    try:
        return made_with(runs, experiments)
    except Exception as error:  # the tracker went away after the last run
        warn(f"the report lacks what the runs were made with ({type(error).__name__}: {error}).")
        return {}


def _keep(run_id: str, page: Path, warn: Callable[[str], None]) -> None:
    try:
        add_file(run_id, page, FOLDER)
    except Exception as error:  # a tracker that only reads, or went away
        warn(f"{PAGE} was not kept in MLflow ({type(error).__name__}: {error}).")


def made_with(runs: Collection[str], experiments: Collection[str]) -> dict[str, list[str]]:
    """What runs were made with, as their tags say: name -> every value, the most frequent first.

    Args:
        runs: their ids.
        experiments: names of the MLflow experiments they lie in.
    """
    found: dict[str, Counter[str]] = {}
    records = [
        record for name in sorted(experiments) for record in find_runs(experiment=name, status="FINISHED")
    ]
    for record in records:
        if record.run_id in runs:
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
