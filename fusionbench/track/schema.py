"""Whose database this is: MLflow's own of this version, an older or a newer one, or somebody else's.

MLflow migrates an older database in place without a word, and whoever shares it with an older
MLflow is locked out from then on. So it is looked at first, and migrated only when that was asked for.
"""

from __future__ import annotations

import functools
import os

from fusionbench.contract.errors import UserError

UPGRADE = "FUSIONBENCH_UPGRADE_DATABASE"
"""set to 1 where the user agreed to migrate; in the environment, so that worker processes know it too"""


def allow_upgrade() -> None:
    """An older database may be migrated by this process and those it starts."""
    os.environ[UPGRADE] = "1"


def refuse_foreign(uri: str) -> None:
    """Let a fresh database and one of this MLflow pass; migrate an older one if the user agreed.

    Args:
        uri: an address that SQLAlchemy understands.

    Raises:
        UserError: the database is older and nobody agreed, newer, or not MLflow's.
    """
    import sqlalchemy
    from mlflow.store.db import utils

    engine = sqlalchemy.create_engine(uri)
    try:
        if utils._is_empty_database(engine) and utils._get_schema_version(engine) is None:
            return
        found, wanted = utils._get_schema_version(engine), _latest()
        if found == wanted:
            return
        if not sqlalchemy.inspect(engine).has_table("experiments"):
            raise UserError(
                "that database belongs to another program: it has tables, but none of MLflow's. "
                "Nothing was changed. Set MLFLOW_TRACKING_URI to a database of its own."
            )
        if found not in _known_revisions():
            raise UserError(
                f"that database has MLflow's schema {found}, which the MLflow installed here does not know: "
                "a newer or a changed MLflow wrote it. Nothing was changed. "
                "Upgrade MLflow here, or set MLFLOW_TRACKING_URI to another database."
            )
        if os.environ.get(UPGRADE) != "1":
            raise UserError(
                f"that database was made by an older MLflow (schema {found}; this one uses {wanted}). "
                "Migrating changes it in place: an older MLflow that shares it can't open it afterwards. "
                "Nothing was changed. Copy it first, then add --upgrade-database."
            )
        utils._upgrade_db(engine)
    finally:
        engine.dispose()


def _latest() -> str:
    """The schema of the installed MLflow, which loads all its migrations to know it, each time it asks."""
    from mlflow.store.db import utils

    if not hasattr(utils._get_latest_schema_revision, "cache_info"):
        utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    return str(utils._get_latest_schema_revision())


def _known_revisions() -> set[str]:
    """Every schema that the installed MLflow can migrate from."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    script = ScriptDirectory.from_config(utils._get_alembic_config(""))
    return {revision.revision for revision in script.walk_revisions()}
