"""A page that is built once, for the tests that read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.report.page import build_page
from fusionbench.study.plan import Absent
from tests.report import made_up

HOSTILE = "<script>alert('x')</script>&\"_%\\"
"""a head's name, as data may bring it"""
FAILED = Absent("raises", 0, "RuntimeError: mat1 <b>and</b> mat2 shapes cannot be multiplied")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report: stand-in data, a hostile name, a run that failed, people, two folds."""
    out = tmp_path_factory.mktemp("report")
    made = made_up.comparison(
        ("arpg", HOSTILE, "concat"),
        3,
        clips=84,
        people=12,
        folds=2,
        failed=[FAILED],
        question=f"Which, {HOSTILE}?",
    )
    build_page(made, out, {"torch": ["2.13.0"]})
    return out


@pytest.fixture(scope="session")
def page(built: Path) -> str:
    """Its ``index.html``."""
    return (built / "index.html").read_text(encoding="utf-8")
