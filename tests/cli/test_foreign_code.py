"""Work in a stranger's folder: none of its modules, programs and git settings is run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fusionbench
from tests.cli.test_compare import command_line

ROOT = Path(fusionbench.__file__).parents[1]
MODULES = (
    "sqlparse", "signal", "json", "random", "pickle", "threading", "multiprocessing", "numpy", "torch", "cv2",
    "yaml", "mlflow", "uvicorn", "flask", "sqlalchemy", "alembic", "matplotlib", "PIL", "git", "boto3",
    "fusionbench_fusions", "typing_extensions", "sitecustomize",
)  # fmt: skip
"""of Python, of what is installed, and of what a library would use if it were"""

SMALL_STAND_IN = """
import fusionbench as fb
from fusionbench_datasets.afew import AFEW

if __name__ == "__main__":
    plan = fb.StandInPlan(AFEW.classes, {"train": (1, 1), "report": (1, 1)})
    AFEW.stand_in_plan = classmethod(lambda cls: plan)
    from fusionbench.cli.main import main

    main()
"""


@pytest.fixture
def program(tmp_path) -> Path:
    """The command as it is installed: a script in a folder of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "fusionbench").write_text(
        "from fusionbench.cli.main import main\n\nif __name__ == '__main__':\n    main()\n"
    )
    (folder / "small").write_text(SMALL_STAND_IN)
    return folder / "fusionbench"


@pytest.fixture
def hostile(tmp_path, monkeypatch) -> Path:
    """A working directory where whatever is run writes its name into ``ran``."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name}\\n')\n")
    tell = folder / "git"
    tell.write_text(f"#!/bin/sh\necho $0 >> {tmp_path}/ran\n")
    tell.chmod(0o755)
    git = shutil.which("git")
    if git:
        subprocess.run([git, "init", "-q"], cwd=folder, check=True)
        with (folder / ".git" / "config").open("a") as config:
            config.write(
                f"[core]\n\tfsmonitor = {tell}\n[alias]\n\tstatus = !{tell}\n\trev-parse = !{tell}\n"
            )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}:")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "plugins")]))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    yield folder
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def call(program: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, str(program), *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_run_and_a_comparison_with_workers(program, hostile, stand_in):
    given = ("--dataset", "afew", "--data-root", stand_in, "--epochs", 1)
    assert "report split" in call(program, "run", "--fusion", "concat", *given)
    assert "concat" in call(
        program, "compare", "--fusion", "concat", "--fusion", "single", *given, "--seed", 1, "--workers", 2
    )


@pytest.mark.slow
def test_a_stand_in_that_is_drawn_by_workers(program, hostile, tmp_path):
    call(program.with_name("small"), "data", "stand-in", "afew", "--out", tmp_path / "drawn")
    assert len(list((tmp_path / "drawn").rglob("*.avi"))) == 14


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux lists processes in /proc")
def test_the_page_of_runs_and_its_address(program, hostile, database, monkeypatch):
    """What stands behind the question mark may be a token: no process shows it, and no line on the screen."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}?timeout=4242")
    ui = subprocess.Popen(
        [sys.executable, str(program), "ui"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert ui.stdout is not None
    said = ""
    while "Ctrl-C stops" not in said:
        line = ui.stdout.readline()
        assert line, ui.communicate()[1]
        said += line
    store = os.environ["MLFLOW_TRACKING_URI"]
    servers = [pid for pid in processes() if environment(pid, "MLFLOW_BACKEND_STORE_URI") == store]
    shown = [command_line(pid) for pid in servers]
    assert shown and not any(b"4242" in line for line in shown)
    ui.send_signal(signal.SIGINT)
    rest, errors = ui.communicate(timeout=60)
    assert ui.returncode == 0 and errors == ""
    assert f"Runs of sqlite:///{database}?timeout=*** at http://" in said and "4242" not in said + rest


def processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def environment(pid: int, name: str) -> str:
    """A variable of another process, empty where it has none."""
    try:
        settings = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    found = [setting for setting in settings if setting.startswith(name.encode() + b"=")]
    return found[0].partition(b"=")[2].decode() if found else ""
