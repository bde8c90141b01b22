"""``compare`` with several processes: none outlives it, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusionbench.track.records import find_runs
from tests.processes import wait_for

THREE_HEADS = ["--fusion", "arpg", "--fusion", "gru", "--fusion", "concat"]
LONG = ["compare", *THREE_HEADS, "--dataset", "afew", "--epochs", "4000", "--workers", "2"]


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache: streams are extracted once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(streams: Path) -> Iterator[Path]:
    """Unfinished runs are each test's own, also where the one before it failed."""
    yield streams
    shutil.rmtree(streams / "unfinished", ignore_errors=True)


def of_session(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(of) == session and state != "Z":
            found.append(int(folder.name))
    return found


def command_line(pid: int) -> bytes:
    """Of a living process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux lists processes in /proc")
@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-C for the parent only", "kill -9 of the parent"])
def test_workers_end_with_their_parent(start, drawn_afew, cache, how: str):
    child = start(cache, *LONG, "--data-root", drawn_afew)
    wait_for(lambda: len(list(cache.glob("unfinished/*/state.pt"))) >= 2)
    if how == "Ctrl-C":
        os.killpg(child.pid, signal.SIGINT)
    else:
        child.send_signal(signal.SIGKILL if "kill -9" in how else signal.SIGINT)
    _, err = child.communicate(timeout=60)
    wait_for(lambda: not of_session(child.pid), seconds=10)
    runs = [run.status for run in find_runs(tags={"fusionbench.kind": "run"})]
    if "kill -9" in how:
        assert runs == ["RUNNING", "RUNNING"], err
    else:
        assert child.returncode == 130 and "interrupted" in err and "Traceback" not in err, err
        assert runs == ["KILLED", "KILLED"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux lists processes in /proc")
def test_a_worker_that_is_killed_costs_its_jobs_a_second_try(start, drawn_afew, cache):
    child = start(cache, *LONG, "--data-root", drawn_afew)
    wait_for(lambda: len(list(cache.glob("unfinished/*/state.pt"))) >= 2)
    workers = [pid for pid in of_session(child.pid) if b"spawn_main" in command_line(pid)]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: new_worker(child.pid, workers))
    time.sleep(1)  # let it begin
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in err, err
    assert err.count("was killed; it is tried once more") == 2
    wait_for(lambda: not of_session(child.pid), seconds=10)
    assert {run.status for run in find_runs()} == {"KILLED"}


def new_worker(session: int, old: list[int]) -> list[int]:
    """Workers that were not there before."""
    return [pid for pid in of_session(session) if pid not in old and b"spawn_main" in command_line(pid)]
