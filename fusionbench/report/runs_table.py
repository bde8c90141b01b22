"""Tables of the runs that a tracker holds, and of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fusionbench.bench.tracking import METRIC_TAG
from fusionbench.contract.judging import SPOKEN, USUAL
from fusionbench.report.tables import percent, plain_table
from fusionbench.track.places import local_path
from fusionbench.track.records import RunRecord

STYLES = {"FINISHED": None, "RUNNING": "green", "KILLED": "yellow", "FAILED": "red"}
SCORES = ("report", "pooled_report", "best_mean", "chosen_report")
"""where a run, a parent of folds, a comparison and a study keep the metric that they are judged by"""
SHOWN_ID = 12
"""characters of an id that a table shows; every command takes them for the whole"""


def runs_table(records: Sequence[RunRecord], place: str) -> Table:
    """One row a run, the newest first.

    Args:
        records: the runs.
        place: where they were looked for.
    """
    table = plain_table(
        escape(f"{len(records)} run(s) of {place}"),
        "accuracy, or what a run is judged by, on the report split; best mean of a comparison; "
        "what a study chose; trials never see that split",
    )
    for column in ("run", "name", "experiment", "kind", "state", "score", "started"):
        table.add_column(
            column, no_wrap=column in ("run", "started"), justify="right" if column == "score" else "left"
        )
    for record in records:
        table.add_row(
            record.run_id[:SHOWN_ID],
            escape(record.name),
            record.tags.get("fusionbench.kind", ""),
            record.status.lower(),
            _score(record),
            _when(record.started),
            style=STYLES.get(record.status),
        )
    return table


def run_info_table(record: RunRecord, experiment: str) -> RenderableType:
    """What one run is, what it gave and where it lies."""
    table = _headless(escape(f"{record.name}  ({record.run_id})"))
    about = {
        "experiment": experiment,
        "kind": record.tags.get("fusionbench.kind", ""),
        "state": record.status.lower(),
        "started": _when(record.started),
        "took": str(record.ended - record.started).partition(".")[0] if record.ended else "",
        "artifacts": str(local_path(record.artifacts) or record.artifacts),
    }
    hidden = ("mlflow.", "fusionbench.kind")
    about |= {name: value for name, value in sorted(record.tags.items()) if not name.startswith(hidden)}
    for name, value in about.items():
        if value:
            table.add_row(name, escape(value))
    return Group(table, _pairs("scores and costs", record.metrics), _pairs("parameters", record.params))


def _pairs(title: str, values: Mapping[str, float | str]) -> Table:
    table = _headless(title)
    for name, value in sorted(values.items()):
        table.add_row(name, escape(value) if isinstance(value, str) else f"{value:g}")
    return table


def _headless(title: str) -> Table:
    table = plain_table(title)
    table.show_header = False
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    return table


def _score(record: RunRecord) -> str:
    metric = record.tags.get(METRIC_TAG, USUAL.decides)
    names = [f"{where}/{metric}" for where in SCORES]
    found = next((percent(record.metrics[name]) for name in names if name in record.metrics), "")
    return found if metric == USUAL.decides or not found else f"{found} {SPOKEN.get(metric, metric)}"


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
