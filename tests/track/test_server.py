"""The real ``fusionbench ui``: it answers, prints its links, and leaves nothing behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from fusionbench.track.opening import open_run
from fusionbench.track.server import serve
from fusionbench.track.view import runs_link

UI = [sys.executable, "-m", "fusionbench.cli.main", "ui"]


@pytest.mark.slow
def test_ui_takes_another_port_serves_links_and_ends_on_ctrl_c(database, monkeypatch):
    with open_run(experiment="afew (stand-in)", name="arpg/afew/s0", params={}, tags={}) as run:
        pass
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ui = subprocess.Popen(
            [*UI, "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        said = read_until(ui, "Ctrl-C stops the server.")
    assert f"Port {port} is in use; took another." in said
    url = said.split(" at http")[1].split()[0]
    url = f"http{url}"
    assert runs_link(url, run.experiment_id) in said.split()
    with urllib.request.urlopen(f"{url}/health") as answer:
        assert answer.status == 200

    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    with serve() as page:
        assert page.process is None, "a server that is there already is shown, not started again"
        assert dict(page.links) == {"afew (stand-in)": runs_link(url, run.experiment_id)}

    ui.send_signal(signal.SIGINT)
    rest, errors = ui.communicate(timeout=30)
    assert (ui.returncode, rest.strip(), errors) == (0, "Stopped.", "")
    with pytest.raises(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
        pass


def read_until(process: subprocess.Popen[str], last: str) -> str:
    """What a process says up to a line, or until it ends."""
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if last in line:
            return said
    raise AssertionError(f"ended without saying {last!r}: {said}\n{process.communicate()[1]}")
