"""Somebody else's database is named, an older one is migrated only when that was asked for."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.track.connection import get_client
from fusionbench.track.schema import UPGRADE


def version(database) -> str:
    with closing(sqlite3.connect(database)) as tables:
        return tables.execute("SELECT version_num FROM alembic_version").fetchone()[0]


@pytest.fixture
def older(tmp_path, monkeypatch):
    """A database as an older MLflow left it: its migrations run up to an earlier revision."""
    import sqlalchemy
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    file = tmp_path / "older.db"
    uri = f"sqlite:///{file}"
    engine = sqlalchemy.create_engine(uri)
    Base.metadata.create_all(engine)
    engine.dispose()
    config = _get_alembic_config(uri)
    revisions = [r.revision for r in ScriptDirectory.from_config(config).walk_revisions()]
    command.upgrade(config, revisions[len(revisions) // 3])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv(UPGRADE, raising=False)
    return file


@pytest.mark.slow
def test_an_older_database_is_migrated_only_when_asked(older, monkeypatch):
    before, content = version(older), older.read_bytes()
    with pytest.raises(UserError, match=r"made by an older MLflow \(schema .*add --upgrade-database"):
        get_client()
    assert older.read_bytes() == content
    monkeypatch.setenv(UPGRADE, "1")
    assert get_client().search_experiments()
    assert version(older) != before


@pytest.mark.parametrize("agreed", ["0", "1"])
def test_a_newer_database_is_never_touched(template, tmp_path, monkeypatch, agreed):
    file = tmp_path / "newer.db"
    shutil.copy(template, file)
    with closing(sqlite3.connect(file)) as tables, tables:
        tables.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    monkeypatch.setenv(UPGRADE, agreed)
    with pytest.raises(UserError, match="schema ffffffffffff, which the MLflow installed here does not know"):
        get_client()
    assert version(file) == "ffffffffffff"


def test_another_programs_database_gets_no_tables(tmp_path, monkeypatch):
    file = tmp_path / "optuna.db"
    with closing(sqlite3.connect(file)) as tables, tables:
        tables.execute("CREATE TABLE studies (study_id INTEGER)")
        tables.execute("CREATE TABLE alembic_version (version_num TEXT)")
        tables.execute("INSERT INTO alembic_version VALUES ('v3.0.0.d')")
    content = file.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    with pytest.raises(UserError, match="belongs to another program"):
        get_client()
    assert file.read_bytes() == content


def test_an_empty_file_becomes_a_database(tmp_path, monkeypatch):
    (tmp_path / "empty.db").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'empty.db'}")
    assert [e.name for e in get_client().search_experiments()] == ["Default"]
