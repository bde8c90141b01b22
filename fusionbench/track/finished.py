"""Which of many runs are finished: one question to the database, which may hold tens of thousands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fusionbench.track.connection import database_file, is_database, tracking_uri
from fusionbench.track.records import experiments, find_runs

_AT_ONCE = 500
"""values in a question: databases limit them, sqlite of before 2020 to 999"""
_MOST_ASKED = 100
"""values that a server is asked for one by one; for more it lists all its runs"""


def finished_runs(tag: str, values: Collection[str], tags: Mapping[str, str]) -> dict[str, str]:
    """Value of ``tag`` -> id of the newest finished run that carries it and all of ``tags``.

    MLflow's search makes an object of every run it finds, with all its figures, and takes one value a
    question. So a database is asked in its own language; a server can't be.
    """
    uri = tracking_uri()
    file = database_file(uri)
    if file is not None and not file.exists():
        return {}
    if is_database(uri):
        return dict(_in_database(uri, tag, sorted(values), tags))
    if len(values) <= _MOST_ASKED:
        found = [find_runs(tags={**tags, tag: value}, status="FINISHED", most=1) for value in values]
        return {run.tags[tag]: run.run_id for runs in found for run in runs}
    every = find_runs(tags=tags, status="FINISHED")
    return {run.tags[tag]: run.run_id for run in reversed(every) if run.tags.get(tag) in values}


def _in_database(uri: str, tag: str, values: list[str], tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Value and run id of each finished run, a newer one after an older one."""
    where = [
        int(number) for number in experiments().values()
    ]  # the first question: it refuses what is foreign
    import sqlalchemy as sql
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from sqlalchemy.orm import aliased

    asked: Any = (
        sql.select(SqlTag.value, SqlRun.run_uuid)
        .join(SqlRun, SqlRun.run_uuid == SqlTag.run_uuid)
        .where(SqlTag.key == tag, SqlRun.status == "FINISHED", SqlRun.lifecycle_stage == "active")
        .where(SqlRun.experiment_id.in_(where))
        .order_by(SqlRun.start_time, SqlRun.run_uuid.desc())
    )
    for name, value in tags.items():
        other = aliased(SqlTag)
        asked = asked.join(other, other.run_uuid == SqlRun.run_uuid).where(
            other.key == name, other.value == value
        )
    engine = sql.create_engine(uri)
    try:
        with engine.connect() as database:
            for first in range(0, len(values), _AT_ONCE):
                some = SqlTag.value.in_(values[first : first + _AT_ONCE])
                yield from (tuple(row) for row in database.execute(asked.where(some)))
    finally:
        engine.dispose()
