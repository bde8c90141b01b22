"""Runs are tracked: each test gets a database that is ready."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def tracked(database: Path) -> None:
    """See ``database``."""
