"""Killed at any moment, given again: the same digits, one record, nothing left open, nothing left behind.

The long form (``FUSIONBENCH_LONG=200``) kills so many times; the short one a few.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.track.records import find_runs

pytestmark = [pytest.mark.reliability, pytest.mark.slow, pytest.mark.usefixtures("database")]
LONG = os.environ.get("FUSIONBENCH_LONG")
KILLS = int(LONG or "3")
HEADS = ["--fusion", "concat", "--fusion", "gru"]
DATA = ["--dataset", "streams", "--data-root", "watch", "--epochs", "8"]
COMMANDS = {
    "run": ["run", "--fusion", "gru", *DATA, "--json"],
    "compare": ["compare", *HEADS, *DATA, "--seeds", "2", "--json"],
    "tune": ["tune", "--fusion", "gru", *DATA, "--space", "space.yaml", "--confirm", "1", "--json"],
}

FORKED = """
import json, os, sys
# The slow part, done once:
import torch._dynamo, mlflow.store.tracking.sqlalchemy_store, matplotlib.figure, sklearn.model_selection
import fusionbench.study.compare, fusionbench.study.tune
import fusionbench.report.ranking_table, fusionbench.report.run_table, fusionbench.report.study_page
from fusionbench.cli import main as command
from fusionbench.learn import fit

fit.checkpoint_is_due = lambda seconds, cost: True
for line in sys.stdin:
    child = os.fork()
    if not child:
        arguments, out = json.loads(line)
        os.setsid()
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.argv = ["fusionbench", *arguments]
        try:
            command.main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(int(end.code or 0))
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Starts commands in a fraction of a second, because everything is imported already."""

    def __init__(self, folder: Path):
        self._out = folder / "out.txt"
        self._server = subprocess.Popen(
            [sys.executable, "-c", FORKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, arguments: list[str]) -> int:
        """Process id of the command."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(json.dumps([arguments, str(self._out)]) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def ended(self) -> tuple[int, str]:
        """Exit code (negative: the signal) and what it printed."""
        assert self._server.stdout
        return int(self._server.stdout.readline()), self._out.read_text()

    def close(self) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait(60)
        assert self._server.stdout
        self._server.stdout.close()


@pytest.fixture
def forks(tmp_path):
    made = Forks(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def watch_store() -> None:
    draw = np.random.default_rng(0)

    def clip(k):
        streams = {"a": draw.normal(k % 2, 1, (8, 6)), "b": draw.normal(0, 1, (8, 4))}
        return {
            "id": f"c{k}",
            "label": "np"[k % 2],
            "split": "train" if k < 60 else "test",
            "streams": streams,
        }

    fb.write_stream_store("watch", (clip(k) for k in range(90)))
    Path("space.yaml").write_text(
        "fusion.dropout: [0.0, 0.3]\ntraining.lr: [0.001, 0.003]\n", encoding="utf-8"
    )


def digits(printed: str, command: str) -> object:
    """What must be the same however often a command was killed."""
    said = json.loads(printed)
    if command == "run":
        return said["metrics"]
    if command == "tune":
        return said
    return sorted((row["label"], str(row["metrics"])) for row in said["ranking"])


@pytest.mark.parametrize("command", COMMANDS if LONG else ["run"])
def test_killed_anywhere_and_given_again(forks, command, monkeypatch, tmp_path, template):
    forks.start(COMMANDS[command])
    began = time.monotonic()  # now: before, everything was imported
    code, printed = forks.ended()
    whole = time.monotonic() - began
    assert code == 0, printed
    expected = digits(printed, command)
    rng = np.random.default_rng(7)
    kills = 0
    while kills < KILLS:
        for file in tmp_path.glob("mlflow.db*"):
            file.unlink()
        (tmp_path / "mlflow.db").write_bytes(template.read_bytes())
        shutil.rmtree(tmp_path / "cache" / "studies", ignore_errors=True)
        for _ in range(int(rng.integers(1, 4))):  # the same command is killed once to three times
            child = forks.start(COMMANDS[command])
            time.sleep(float(rng.uniform(0, whole)))
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:
                os.kill(child, signal.SIGKILL) if Path(f"/proc/{child}").exists() else None
            code, _ = forks.ended()
            kills += code == -signal.SIGKILL
        forks.start(COMMANDS[command])
        code, printed = forks.ended()
        assert code == 0, printed
        assert digits(printed, command) == expected
        runs = find_runs()
        assert {run.status for run in runs} == {"FINISHED"}, [(run.name, run.status) for run in runs]
        assert len({run.tags["fusionbench.identity"] for run in runs}) == len(runs)
        left = [path.name for path in (tmp_path / "cache" / "unfinished").iterdir() if path.is_dir()]
        assert left == []
