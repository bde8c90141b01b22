"""A reader's machine: an empty folder, a terminal, and AFEW's stand-in with 4 people instead of 100."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusionbench.catalog.plugins import collect
from fusionbench.contract.dataset import StandInPlan
from fusionbench.data.generate import generate
from tests.docs.terminal import Terminal


@pytest.fixture(scope="session")
def small_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that already holds a small stand-in, where ``--stand-in`` looks for the large one."""
    afew = collect().get("dataset", "afew").cls
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        plan = StandInPlan(afew.classes, {"train": (3, 1), "report": (1, 1)})
        patch.setattr(afew, "stand_in_plan", classmethod(lambda cls: plan))
        generate(afew, cache / "stand-in" / "afew", workers=1)
    return cache


@pytest.fixture(scope="session")
def runs(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tracking database for all pages, so that a comparison on two of them is run once."""
    return Path(shutil.copy(template, tmp_path_factory.mktemp("runs") / "mlflow.db"))


@pytest.fixture
def terminal(
    small_cache: Path,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Terminal]:
    """A terminal in a folder of its own, where ``data/afew`` is the small stand-in."""
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(small_cache))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{runs}")
    home, site = tmp_path / "reader", tmp_path / "site-packages"
    (home / "data").mkdir(parents=True)
    (home / "data" / "afew").symlink_to(small_cache / "stand-in" / "afew")
    site.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(site)
    yield Terminal(monkeypatch, capfd, site)
    collect.cache_clear()
