"""What is written into MLflow, and how a run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from mlflow.store.tracking.dbmodels.models import SqlRun
from sqlalchemy import event
from sqlalchemy.orm import Session

from fusionbench.contract.errors import UserError
from fusionbench.track.connection import get_client
from fusionbench.track.opening import Opening, open_run
from fusionbench.track.records import find_runs, get_run, read_file, read_json
from fusionbench.track.runs import DatasetNote

pytestmark = pytest.mark.usefixtures("database")


def opened(name: str = "arpg/afew/s0", **given):
    settings = {"experiment": "afew", "name": name, "params": {}, "tags": {"fusionbench.kind": "run"}}
    return open_run(**{**settings, **given})


def test_a_run_reads_back_as_it_was_written():
    params = {"fusion": "arpg", "seed": 0, "lr": 1e-4, "trs": None, "causal": True}
    note = DatasetNote("afew", "0123456789abcdef", {"source": "generated"})
    with opened(params=params, dataset=note) as run:
        run.log_metrics({"report/accuracy": 128 / 383, "cost/params": 1234567})
    record = get_run(run.run_id)
    assert (record.name, record.status) == ("arpg/afew/s0", "FINISHED")
    assert record.params == {"fusion": "arpg", "seed": "0", "lr": "0.0001", "trs": "none", "causal": "true"}
    assert record.metrics == {"report/accuracy": 0.3342, "cost/params": 1234567}
    assert record.tags["fusionbench.kind"] == "run"
    assert record.ended is not None and record.ended >= record.started
    (dataset,) = get_client().get_run(run.run_id).inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("afew", "0123456789ab")


@pytest.mark.parametrize(
    ("raised", "status", "noted"),
    [
        (KeyboardInterrupt, "KILLED", None),
        (ValueError("loss is nan"), "FAILED", "ValueError: loss is nan"),
        (SystemExit(3), "FAILED", "SystemExit: 3"),
    ],
)
def test_what_ends_a_run_is_its_status_and_is_raised_again(raised, status, noted):
    with pytest.raises(raised if isinstance(raised, type) else type(raised)), opened() as run:
        run.log_metrics({"train/loss": 2.0}, step=0)
        raise raised
    record = get_run(run.run_id)
    assert record.status == status
    assert record.tags.get("fusionbench.error") == noted
    assert record.metrics == {"train/loss": 2.0}, "what was measured before the end is kept"


def test_a_reopened_run_holds_one_point_an_epoch():
    with pytest.raises(KeyboardInterrupt), opened(params={"seed": 0}) as first:
        for epoch in range(4):
            first.log_metrics({"train/loss": 4.0 - epoch}, step=epoch)
        raise KeyboardInterrupt
    with opened(params={"seed": 0}, opening=nullcontext(Opening(first.run_id))) as second:
        assert get_run(first.run_id).status == "RUNNING"
        for epoch in range(2, 6):  # the checkpoint was older than the last metrics
            second.log_metrics({"train/loss": 4.0 - epoch}, step=epoch)
    assert second.run_id == first.run_id
    assert get_run(first.run_id).status == "FINISHED"
    points = get_client().get_metric_history(first.run_id, "train/loss")
    assert [(p.step, p.value) for p in points] == [(e, 4.0 - e) for e in range(6)]


def test_two_that_start_on_new_data_at_one_time_both_get_their_run():
    note = DatasetNote("afew", "0123456789abcdef")
    with opened() as faster, overtaken(lambda: faster.note_dataset(note)), opened(dataset=note) as slower:
        pass
    assert get_run(slower.run_id).status == "FINISHED"
    for run in (faster, slower):
        (dataset,) = get_client().get_run(run.run_id).inputs.dataset_inputs
        assert dataset.dataset.digest == "0123456789ab"


def test_two_that_write_the_same_parameters_into_a_shared_run_at_one_time_do_no_harm():
    with (
        opened() as faster,
        opened(opening=nullcontext(Opening(faster.run_id))) as slower,
        overtaken(lambda: faster.log_params({"seeds": 3})),
    ):
        slower.log_params({"seeds": 3})
    assert get_run(faster.run_id).params == {"seeds": "3"}


@contextmanager
def overtaken(by: Callable[[], None]) -> Iterator[None]:
    """Another writer comes in between: MLflow has looked what is there and has yet to add what is not."""
    come = False

    def before_flush(session: Session, *_: object) -> None:
        nonlocal come
        if session.new and not come and not any(isinstance(row, SqlRun) for row in session.new):
            come = True
            by()

    event.listen(Session, "before_flush", before_flush)
    try:
        yield
        assert come
    finally:
        event.remove(Session, "before_flush", before_flush)


def test_going_on_with_an_unknown_run_is_the_users_error():
    with (
        pytest.raises(UserError, match="cannot go on with run 'nowhere'"),
        opened(opening=nullcontext(Opening("nowhere"))),
    ):
        pytest.fail("the block must not be entered")


def test_thirty_short_epochs_cost_one_batch(monkeypatch):
    batches = []
    with opened() as run:
        send = get_client().log_batch
        monkeypatch.setattr(
            get_client(), "log_batch", lambda *a, **k: batches.append(len(k["metrics"])) or send(*a, **k)
        )
        for epoch in range(30):
            run.log_metrics({"train/loss": 1.0, "selection/accuracy": 0.5}, step=epoch)
    assert batches == [60]


def test_flush_makes_metrics_visible_while_the_run_goes_on():
    with opened() as run:
        run.log_metrics({"train/loss": 1.0}, step=0)
        assert get_run(run.run_id).metrics == {}
        run.flush()
        assert get_run(run.run_id).metrics == {"train/loss": 1.0}


def test_children_name_their_parent():
    with opened("compare") as parent, opened(parent=parent.run_id) as child:
        pass
    assert get_run(child.run_id).tags["mlflow.parentRunId"] == parent.run_id
    assert "mlflow.parentRunId" not in get_run(parent.run_id).tags


def test_artifacts_come_back():
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    with opened() as run:
        run.log_json({"fusion": {"trs": None}}, "config.json")
        run.log_text("a,b\n", "tables/raw.csv")
        run.log_figure(lambda: figure, "figures/curve.png")
        Path("weights.safetensors").write_bytes(b"12345678")
        run.log_file(Path("weights.safetensors"), "weights")
    assert read_json(run.run_id, "config.json") == {"fusion": {"trs": None}}
    assert read_file(run.run_id, "tables/raw.csv").read_text() == "a,b\n"
    assert read_file(run.run_id, "figures/curve.png").read_bytes().startswith(b"\x89PNG")
    assert read_file(run.run_id, "weights/weights.safetensors").read_bytes() == b"12345678"
    with pytest.raises(UserError, match=r"holds no artifact 'nothing.json'"):
        read_json(run.run_id, "nothing.json")


def test_a_table_is_one_that_mlflow_reads_and_writing_it_again_replaces_it():
    with opened() as run:
        run.log_table({"clip": ["a"], "p": [0.25]}, "predictions.json")
        run.log_table({"clip": ["a", "b"], "p": [0.25, 0.5]}, "predictions.json")
    table = get_client().load_table(run.experiment_id, "predictions.json", [run.run_id])
    assert table.to_dict("list") == {"clip": ["a", "b"], "p": [0.25, 0.5]}


def test_a_table_needs_columns_of_one_length():
    with pytest.raises(ValueError, match="zip"), opened() as run:
        run.log_table({"clip": ["a", "b"], "p": [0.25]}, "predictions.json")


def test_more_than_mlflow_takes_at_once():
    with opened(params={f"option.{i}": i for i in range(150)}) as run:
        run.log_metrics({f"report/class_{i}": i for i in range(1200)})
    record = get_run(run.run_id)
    assert len(record.params) == 150
    assert len(record.metrics) == 1200


def test_a_deleted_experiment_is_named_with_the_way_out():
    with opened() as run:
        pass
    get_client().delete_experiment(run.experiment_id)
    command = f"mlflow experiments restore --experiment-id {run.experiment_id}"
    with pytest.raises(UserError, match=command):
        # A new process knows nothing of the experiment; this one is made to forget it.
        from fusionbench.track import connection

        connection._experiment_id.cache_clear()
        with opened():
            pass


def test_runs_are_found_by_their_tags():
    for seed in (0, 1):
        with opened(f"arpg/afew/s{seed}", tags={"fusionbench.identity": f"id{seed}"}):
            pass
    with pytest.raises(KeyboardInterrupt), opened("stopped", tags={"fusionbench.identity": "id1"}):
        raise KeyboardInterrupt
    identity = {"fusionbench.identity": "id1"}
    assert [r.name for r in find_runs(tags=identity, status="FINISHED")] == ["arpg/afew/s1"]
    assert [r.name for r in find_runs(tags=identity)] == ["stopped", "arpg/afew/s1"]
    assert [r.name for r in find_runs(experiment="afew")] == ["stopped", "arpg/afew/s1", "arpg/afew/s0"]
    assert find_runs(experiment="rml") == []
    assert find_runs(tags={"fusionbench.identity": "it's new"}) == []
    with pytest.raises(UserError, match="one kind of quote"):
        find_runs(tags={"fusionbench.identity": 'it\'s "new"'})


def test_an_unknown_run_is_the_users_error():
    with pytest.raises(UserError, match="no run 'nowhere'"):
        get_run("nowhere")
