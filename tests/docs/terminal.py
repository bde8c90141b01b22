"""Runs the commands of a page in this process, on a stand-in of a few people."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from fusionbench.catalog.plugins import collect
from fusionbench.cli.main import main
from tests.docs.pages import ROOT

SHORT = {
    "run": ["--epochs", "1"],
    "compare": ["--epochs", "1", "--seeds", "1", "--workers", "1"],
    "tune": ["--epochs", "1", "--trials", "2", "--confirm", "1", "--workers", "1"],
}
"""added to commands that train: the last word on an option wins"""
SHORT_ALREADY = ["compare", "smoke"]
RUN_ID = "RUN_ID"
"""a word on a page that stands for the run that the page printed last"""
ENDLESS = {"ui", "pretrain"}
"""commands that serve or train for minutes; their options are looked up, no more"""
ELSEWHERE = {"git", "source", "pytest"}
"""programs of others that are not run"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    printed: str
    """stdout and stderr"""


class Terminal:
    """A reader's terminal.

    Args:
        patch: undoes what commands change in this process.
        capture: where they print to.
        site: folder on the path that stands for the environment's ``site-packages``.
    """

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], site: Path):
        self._patch = patch
        self._capture = capture
        self._site = site
        self._run_id = RUN_ID

    def run(self, command: str) -> Ended:
        """Run one command line.

        Raises:
            AssertionError: it names a program, a make target or a folder that is not there.
        """
        program, *arguments = [
            self._run_id if word == RUN_ID else word for word in shlex.split(command, comments=True)
        ]
        with pytest.MonkeyPatch.context() as for_this:
            while "=" in program and arguments:
                for_this.setenv(*program.split("=", 1))
                program, *arguments = arguments
            return self._program(program, arguments)

    def _program(self, program: str, arguments: list[str]) -> Ended:
        if program == "fusionbench":
            return self._fusionbench(arguments)
        if program == "make":
            targets = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines()}
            assert set(arguments) <= targets, f"the Makefile has no target {arguments}"
        elif program == "pip":
            self._install(arguments)
        elif program == "python":
            runpy.run_path(arguments[0], run_name="__main__")
        elif program == "cd":
            if Path(arguments[0]).is_dir():
                self._patch.chdir(arguments[0])
        elif program == "rm":
            self._remove(arguments)
        else:
            assert program in ELSEWHERE, f"nothing here knows how to check {program!r}"
        return Ended(0, "")

    def _fusionbench(self, arguments: list[str]) -> Ended:
        if arguments[0] in ENDLESS:
            arguments = [*arguments, "--help"]
        elif "--dry-run" not in arguments and arguments != SHORT_ALREADY:
            arguments = [*arguments, *SHORT.get(arguments[0], [])]
        self._patch.setattr(sys, "argv", ["fusionbench", *arguments])
        self._patch.setenv("COLUMNS", "100")
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = "".join(self._capture.readouterr())
        if found := re.search(r"MLflow run ([0-9a-f]{32})", printed):
            self._run_id = found[1]
        return Ended(int(ended.value.code or 0), printed)

    def _remove(self, arguments: list[str]) -> None:
        """``rm -rf``, in the reader's own folder, which is also their home."""
        assert arguments[0] == "-rf", "a page that removes something must not stop where it is not there"
        here = Path.cwd()
        for name in arguments[1:]:
            target = (here / name.replace("~", str(here), 1)).resolve()
            assert target.is_relative_to(here) and target != here, f"{name} is not the reader's"
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)

    def _install(self, arguments: list[str]) -> None:
        """What ``pip install -e FOLDER`` leaves: the folder on the path, its entry points on record."""
        folder = Path(arguments[-1]).resolve()
        if arguments[:-1] != ["install", "-e"] or folder == Path.cwd():
            return
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        record = self._site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        record.mkdir()
        about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (record / "METADATA").write_text(about, encoding="utf-8")
        points = project["entry-points"]["fusionbench"]
        lines = "\n".join(f"{name} = {module}" for name, module in points.items())
        (record / "entry_points.txt").write_text(f"[fusionbench]\n{lines}\n", encoding="utf-8")
        source = folder / "src"
        self._patch.syspath_prepend(source if source.is_dir() else folder)
        collect.cache_clear()
