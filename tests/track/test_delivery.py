"""What a run logs while its server is away: handed in later, in order, whole."""

from __future__ import annotations

import socket

import pytest

from fusionbench.contract.errors import UserError
from fusionbench.track import delivery as module
from fusionbench.track.connection import answers, get_client
from fusionbench.track.delivery import PATIENCE, hand_in, is_kept
from fusionbench.track.opening import open_run
from fusionbench.track.records import find_runs, get_run, read_json

pytestmark = pytest.mark.usefixtures("database")


class Server:
    """The tracker of these tests, which can be made to go away."""

    def __init__(self, monkeypatch):
        self.there = True
        self._perform = module.perform
        monkeypatch.setattr(module, "perform", self.perform)
        monkeypatch.setattr(module, "answers", lambda uri, seconds=0: self.there)
        monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
        monkeypatch.setenv(PATIENCE, "0")

    def perform(self, client, run_id, operation):
        if not self.there:
            raise ConnectionError("refused")
        self._perform(client, run_id, operation)


@pytest.fixture
def server(monkeypatch):
    return Server(monkeypatch)


def opened(outbox, said):
    return open_run(experiment="afew", name="x", params={}, tags={}, outbox=outbox, warn=said.append)


def test_a_server_that_comes_back_gets_everything_in_order(server, tmp_path):
    said: list[str] = []
    with opened(tmp_path / "outbox", said) as run:
        server.there = False
        run.log_metrics({"train/loss": 2.0}, step=1)
        run.flush()
        run.log_json({"digits": 1}, "outcome.json")
        run.log_json({"digits": 2}, "outcome.json")
        server.there = True
    assert run.handed_in and not is_kept(tmp_path / "outbox")
    assert get_run(run.run_id).status == "FINISHED" and get_run(run.run_id).metrics == {"train/loss": 2.0}
    assert read_json(run.run_id, "outcome.json") == {"digits": 2}
    assert [message.partition(";")[0] for message in said] == [
        "the MLflow server went away",
        "the MLflow server is back",
    ]


def test_a_server_that_stays_away_finds_the_run_kept_whole(server, tmp_path):
    said: list[str] = []
    outbox = tmp_path / "outbox"
    with opened(outbox, said) as run:
        run.log_metrics({"train/loss": 2.0}, step=1)
        server.there = False
        run.log_metrics({"report/accuracy": 0.5})
        run.log_text("a,b\n", "tables/raw.csv")
        run.set_tags({"fusionbench.kind": "run"})
    assert not run.handed_in and is_kept(outbox) and "the same command hands it in" in said[-1]
    assert get_run(run.run_id).status == "RUNNING"
    server.there = True
    hand_in(run.run_id, outbox)
    record = get_run(run.run_id)
    assert record.status == "FINISHED" and record.tags["fusionbench.kind"] == "run"
    assert record.metrics == {"train/loss": 2.0, "report/accuracy": 0.5}
    assert get_client().list_artifacts(run.run_id, "tables")[0].path == "tables/raw.csv"
    assert not outbox.exists()


def test_what_a_tracker_refuses_is_raised_and_not_kept(server, tmp_path):
    with pytest.raises(Exception, match="Invalid"), opened(tmp_path / "outbox", []) as run:
        run.set_tags({"no/../such": "x" * 10, "": "y"})
    assert not (tmp_path / "outbox").exists()


def test_a_damaged_outbox_is_named(server, tmp_path):
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    (outbox / "operations.jsonl").write_text("{")
    with pytest.raises(UserError, match="cannot be handed in"):
        hand_in("x", outbox)


def test_a_server_that_is_down_is_told_at_the_start(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    with pytest.raises(UserError, match=r"no MLflow server answers at http://127\.0\.0\.1"):
        get_client()


def test_one_that_takes_the_call_and_says_nothing_does_not_answer():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        assert not answers(f"http://127.0.0.1:{mute.getsockname()[1]}", seconds=0.3)
    assert find_runs() == []
