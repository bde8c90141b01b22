"""Serves MLflow's page of the runs on this machine, and takes it down again without leaving a process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import IO

from fusionbench.contract.addresses import scrubbed, shown
from fusionbench.contract.errors import UserError
from fusionbench.contract.processes import child_environment
from fusionbench.track.connection import get_client, is_server, tracking_uri
from fusionbench.track.records import RunRecord, find_runs
from fusionbench.track.view import USUAL_PORT, VIEW_TAG, run_link, runs_link

_HOST = "127.0.0.1"
_START_SECONDS = 120
_STOP_SECONDS = 10
_LOG_LINES = 8


@dataclass(frozen=True)
class Page:
    """A page of runs that answers."""

    url: str
    links: Mapping[str, str]
    """experiment name -> its runs table with our columns; empty before the first run"""
    comparisons: Mapping[str, str]
    """experiment name -> the page of its newest comparison, where there is one"""
    store: str
    """the tracking address whose runs are shown, without its secrets"""
    port_taken: int | None
    """the wanted port, where another program holds it"""
    process: subprocess.Popen[bytes] | None
    """None where a server that was there already is shown"""

    def wait(self) -> None:
        """Returns at once where we serve nothing, else never: Ctrl-C interrupts it.

        Raises:
            UserError: the server ended by itself.
        """
        if self.process is not None:
            code = self.process.wait()
            raise UserError(
                f"the MLflow server ended by itself, with exit code {code}. "
                "It is meant to run until Ctrl-C. `fusionbench ui --debug` shows its log."
            )


@contextlib.contextmanager
def serve(port: int | None = None, *, show_log: bool = False) -> Iterator[Page]:
    """Runs an MLflow server, for this machine only, as long as the block lasts.

    Where ``MLFLOW_TRACKING_URI`` names a server already, that one is shown and none is started.
    Inside the block every signal to stop arrives as KeyboardInterrupt, so that the server ends too.

    Args:
        port: the port wanted; another free one is taken when it is in use. None: 5000 or a free one.
        show_log: let the server write its log to our stderr.

    Raises:
        UserError: the server does not start.
    """
    store = tracking_uri()
    client = get_client()  # makes a missing database, under the lock that runs respect
    ours = {e.name: str(e.experiment_id) for e in client.search_experiments() if VIEW_TAG in e.tags}
    names = sorted(ours, key=str.casefold)
    newest = {name: found[0].run_id for name in names if (found := _comparisons(name))}

    def page(url: str, store: str, taken: int | None, process: subprocess.Popen[bytes] | None) -> Page:
        tables = {name: runs_link(url, ours[name]) for name in names}
        comparisons = {name: run_link(url, ours[name], run_id) for name, run_id in newest.items()}
        return Page(url, tables, comparisons, store, taken, process)

    if is_server(store):
        yield page(shown(store), shown(store), None, None)
        return

    wanted = USUAL_PORT if port is None else port
    chosen = wanted if _is_free(wanted) else _free_port()
    url = f"http://{_HOST}:{chosen}"
    taken = port if port not in (None, chosen) else None
    with _stop_signals_interrupt(), tempfile.TemporaryFile() as log:
        process = _start(store, chosen, None if show_log else log)
        try:
            _wait_until_it_answers(url, process, log)
            yield page(url, shown(store), taken, process)
        finally:
            _stop(process)


def _comparisons(experiment: str) -> list[RunRecord]:
    return find_runs(experiment=experiment, tags={"fusionbench.kind": "comparison"}, most=1)


def _start(store: str, port: int, log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fusionbench.track.keeper", sys.executable, "-m", "mlflow", "server"]
    command += ["--host", _HOST, "--port", str(port), "--workers", "1"]
    environment = child_environment(
        # Not on the command line, which every user of this machine can read.
        MLFLOW_BACKEND_STORE_URI=store,
        # Without its job runner the server is 2 processes and 0.5 GB instead of 10 and 2.4 GB.
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        # Put first on the path by uvicorn, which takes the working directory if nothing is named.
        UVICORN_APP_DIR=os.devnull,
    )
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,  # closes with us, however we end, and the server with it
        stdout=log or subprocess.PIPE,
        stderr=log or subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us only, and the whole group can be ended at once
    )
    if process.stdout is not None:
        threading.Thread(target=_show, args=(process.stdout,), daemon=True).start()
    return process


def _show(said: IO[bytes]) -> None:
    """Hand the server's log on to our stderr."""
    for line in said:
        sys.stderr.write(scrubbed(line.decode(errors="replace")))


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/health"):
            return
        time.sleep(0.1)
    log.seek(0)
    tail = log.read().decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
    raise UserError(
        "the MLflow server did not start. Its last words:\n  " + scrubbed("\n  ".join(tail)) + "\n"
        "Where they speak of an out-of-date schema run `mlflow db upgrade`; "
        "`fusionbench ui --debug` shows the whole log."
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and whatever it started."""
    for final in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, final)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    if process.stdin is not None:
        process.stdin.close()


@contextlib.contextmanager
def _stop_signals_interrupt() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell script starts its background jobs deaf to it.
    stopping = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in stopping}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
