"""What a child process finds: never the working directory, whichever way it got onto a path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusionbench.contract.processes import child_environment, find_program

ROOT = Path(__file__).resolve().parents[2]
TELL = """
import os, subprocess, sys
sys.path[1:1] = [{root!r}]
from fusionbench.contract.processes import leave_working_directory
del sys.path[1]
leave_working_directory()
print([entry for entry in sys.path if entry in ("", os.getcwd()) or not os.path.isabs(entry)])
child = [sys.executable, "-c", "import sys; print(sys.path)"]
print(subprocess.run(child, capture_output=True, text=True).stdout)
print(os.environ.get("PYTHONPATH"), os.environ["PATH"])
"""


def told(tmp_path: Path, *command: str, **environment: str) -> tuple[list[str], list[str], str]:
    """What is left of the working directory here and in a child, and the variables."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | environment
    done = subprocess.run(
        [sys.executable, *command], env=settings, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    here, child, _, variables = done.stdout.splitlines()
    at_child = [e for e in eval(child) if e in ("", str(tmp_path)) or not os.path.isabs(e)]
    return eval(here), at_child, variables


@pytest.fixture
def script(tmp_path) -> Path:
    """A module in the working directory that tells."""
    (tmp_path / "tell.py").write_text(TELL.format(root=str(ROOT)))
    return tmp_path / "tell.py"


@pytest.mark.parametrize(
    ("how", "asked"),
    [
        (["-m", "tell"], None),
        (["tell.py"], ""),
        (["-c", "import tell"], ":"),
        (["-P", "tell.py"], "."),
        (["-m", "tell"], ".:src"),
        (["tell.py"], ".:/elsewhere"),
    ],
)
def test_the_working_directory_is_nowhere(tmp_path, script, how, asked):
    environment = {} if asked is None else {"PYTHONPATH": asked}
    here, child, variables = told(tmp_path, *how, **environment, PATH=f".:{os.environ['PATH']}:")
    assert here == child == []
    assert variables.startswith("/elsewhere " if asked and "/elsewhere" in asked else "None ")
    assert variables.split()[1] == os.environ["PATH"]


def test_a_whole_path_in_pythonpath_is_the_users_wish(tmp_path, script):
    here, child, variables = told(tmp_path, "-m", "tell", PYTHONPATH=str(tmp_path))
    assert here == child == [str(tmp_path)] and variables.startswith(str(tmp_path))


def test_what_an_editable_install_put_there_stays_behind_the_rest(tmp_path, monkeypatch):
    from fusionbench.contract import processes

    site, project = tmp_path / "site-packages", tmp_path / "project"
    site.mkdir()
    project.mkdir()
    (site / "__editable__.mine.pth").write_text(f"{project}\n")
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}/elsewhere")
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    monkeypatch.setattr(sys, "path", ["/bin", str(project), "/elsewhere", str(site)])
    processes.leave_working_directory()
    assert sys.path == ["/bin", "/elsewhere", str(site), str(project)]
    assert os.environ["PYTHONPATH"] == "/elsewhere"


def test_a_childs_environment_takes_settings_and_leaves_ours_alone(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "src:/a::/b")
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    environment = child_environment(MORE="1")
    assert (environment["PYTHONPATH"], environment["PYTHONSAFEPATH"], environment["MORE"]) == (
        "/a:/b",
        "1",
        "1",
    )
    assert os.environ["PYTHONPATH"] == "src:/a::/b" and "MORE" not in os.environ


def test_a_program_is_never_taken_from_the_working_directory(tmp_path, monkeypatch):
    for folder in (tmp_path / "here", tmp_path / "bin"):
        folder.mkdir()
        (folder / "git").write_text("#!/bin/sh\n")
        (folder / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path / "here")
    for path in ("", ".", str(tmp_path / "here"), "../here"):
        monkeypatch.setenv("PATH", path)
        assert find_program("git") is None
        monkeypatch.setenv("PATH", os.pathsep.join([path, str(tmp_path / "bin")]))
        assert find_program("git") == str(tmp_path / "bin" / "git")
