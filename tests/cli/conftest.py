"""A small AFEW on disk, and the command line as a function."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fusionbench.cli.main import main
from fusionbench.data.marker import FILE_NAME, Marker, write_marker
from fusionbench.standin.clips import VERSION, clip

SUBJECTS = {"train": range(4), "report": range(4, 6)}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one object on stdout."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def tracked(database: Path) -> None:
    """Each test gets a tracking database that is ready."""


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """``cli("run", "--fusion", "arpg")`` -> exit code, stdout, stderr."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["fusionbench", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture(scope="session")
def drawn_afew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """42 short generated clips in AFEW's layout, 4 people to train on and 2 to report."""
    from fusionbench.catalog.plugins import collect

    afew = collect().get("dataset", "afew").cls
    root = tmp_path_factory.mktemp("drawn") / "afew"
    labels = afew.classes
    clips = []
    for split, people in SUBJECTS.items():
        for person in people:
            for label in labels:
                whole = clip(label, split, person, 0, seed=7)
                clips.append(replace(whole, frames=whole.frames[:18], landmarks=whole.landmarks[:18]))
    afew.write_stand_in(root, clips)
    counts = {f"{split}/{label}": len(people) for split, people in SUBJECTS.items() for label in labels}
    write_marker(root, Marker("afew", VERSION, 7, counts))
    return root


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that tests which do not look at caching may share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def stand_in(drawn_afew: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small stand-in, with streams cached across tests."""
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(shared_cache))
    return drawn_afew


@pytest.fixture
def real_afew(drawn_afew: Path, tmp_path: Path) -> Path:
    """The same files without their mark, as real data would be; each test may damage its own copy."""
    copy = tmp_path / "real"
    shutil.copytree(drawn_afew, copy)
    for mark in copy.rglob(FILE_NAME):
        mark.unlink()
    return copy
