"""A Ray cluster of two nodes on this machine: the figures of one process, whatever becomes of a node.

Ray starts servers and takes its time, so this is no part of ``make test``: ``pytest -m cluster``.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.study.compare import compare
from fusionbench.study.design import design
from fusionbench.study.executors import nodes as terms, ray as executor
from fusionbench.study.executors.nodes import code_here
from fusionbench.study.experiment import Experiment
from fusionbench.study.tune import tune
from fusionbench.study.tuning import Tuning
from fusionbench.track.records import find_runs

pytest.importorskip("ray")

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.usefixtures("database"),
    pytest.mark.filterwarnings("default"),  # those of Ray are not ours
]
EPOCHS = 60
STORE = 100 << 20
"""bytes of a node's object store"""
BASE = {"dataset": "streams", "data.root": "watch", "training.epochs": EPOCHS}


class Told(Watch):
    """Remembers what was said, and acts when so many epochs are done."""

    def __init__(self, at: int = 0, act=lambda: None):
        self.notes, self.warned = [], []
        self._at, self._act = at, act

    def note(self, message):
        self.notes.append(message)

    def warn(self, message):
        self.warned.append(message)

    def progress(self, task, done, total):
        if self._at and done >= self._at:
            self._at = 0
            self._act()


@pytest.fixture(scope="module")
def head():
    """The head of a cluster; it takes no job."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE})
        yield made
        made.shutdown()


@pytest.fixture
def nodes(head):
    """The cluster with two nodes of one slot each."""
    while len(head.worker_nodes) < 2:
        head.add_node(num_cpus=1, object_store_memory=STORE)
    head.wait_for_nodes()
    return head


def lose(nodes) -> None:
    """A node is gone at once, as by a power cut: the processes that it has started, and itself."""
    node = next(iter(nodes.worker_nodes))
    raylet = node.all_processes["raylet"][0].process
    for child in children(raylet.pid):
        os.kill(child, signal.SIGKILL)
    raylet.kill()
    raylet.wait()
    nodes.worker_nodes.remove(node)


def children(parent: int) -> list[int]:
    stats = [file.read_text().rpartition(")")[2].split() for file in Path("/proc").glob("[0-9]*/stat")]
    found = [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/stat")]
    return [pid for pid, stat in zip(found, stats, strict=True) if int(stat[1]) == parent]


@pytest.fixture
def watch_store():
    draw = np.random.default_rng(0)
    fb.write_stream_store(
        "watch",
        (
            {
                "id": f"c{k}",
                "label": "np"[k % 2],
                "split": "train" if k < 60 else "test",
                "streams": {"a": draw.normal(k % 2, 2, (8, 6))},
            }
            for k in range(90)
        ),
    )


def experiment(**base) -> Experiment:
    return Experiment("heads", "?", {**BASE, **base}, {}, {"fusion": ["gru", "concat"], "seed": [0, 1]})


def figures(made):
    """Everything of a ranking but the time it took."""
    return [{k: v for k, v in row.plain().items() if k != "ms_per_clip"} for row in made.ranking]


def on_ray(nodes, watch, config=None, **options):
    from fusionbench.study.executors.cluster import connected

    config = config or resolve(Request({**BASE, "fusion": "gru"}), collect())
    return connected(nodes.address, [config], watch, **options)


@pytest.mark.usefixtures("watch_store")
def test_a_node_is_lost_and_its_jobs_go_on_at_another(nodes, monkeypatch, tmp_path, capsys):
    told = Told(at=EPOCHS // 2, act=lambda: lose(nodes))
    with on_ray(nodes, told) as cluster:
        made = compare(experiment(), watch=told, cluster=cluster)
        print("the node has been marked dead")  # as Ray's own thread does, sooner or later
    printed = capsys.readouterr()
    assert printed.out == "" and "marked dead" in printed.err  # stdout is for the one object of --json
    assert told.notes[0].startswith("cluster: 3 nodes, 2 jobs side by side (1 CPU, 0 GPU each)")
    assert [line for line in told.warned if "lost" in line]
    runs = find_runs(tags={"fusionbench.kind": "run"})
    assert [run.status for run in runs] == ["FINISHED"] * 4 and not made.failed
    assert [len(o.folds[0].history) for _, o in made.runs] == [EPOCHS] * 4
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    alone = compare(experiment())
    assert figures(alone) == figures(made)


@pytest.mark.usefixtures("watch_store")
def test_ctrl_c_closes_the_runs_on_every_node_and_the_same_command_goes_on(nodes):
    def interrupted():
        raise KeyboardInterrupt

    told = Told(at=10, act=interrupted)
    with on_ray(nodes, told) as cluster:
        with pytest.raises(KeyboardInterrupt):
            compare(experiment(), watch=told, cluster=cluster)
        assert {run.status for run in find_runs(tags={"fusionbench.kind": "run"})} == {"KILLED"}
        made = compare(experiment(), cluster=cluster)
    assert {run.status for run in find_runs()} == {"FINISHED"} and len(made.runs) == 4


@pytest.mark.usefixtures("watch_store")
def test_what_a_run_raises_is_its_own_and_data_that_no_node_sees_travel(nodes, monkeypatch):
    monkeypatch.setattr(executor, "files_of", lambda data: {})
    base = {**BASE, "fusion": "gru", "training.epochs": 3}
    asked = Experiment("rates", "?", base, {}, {"training.lr": [1e-3, 1e30]})
    planned = design(
        Request(base), Tuning(space={"training.lr": [1e-3, 1e-2]}, confirm=0), collect(), "rates"
    )
    with on_ray(nodes, Told()) as cluster:
        made = compare(asked, cluster=cluster)
        tuned = tune(planned, cluster=cluster)
    assert [row.label for row in made.ranking] == ["0.001"]
    (failed,) = made.failed
    assert failed.label.startswith("1e") and "left NaN or infinity" in failed.reason
    assert tuned.trials == 2 and tuned.outcomes[0].folds[0].run_id in {run.run_id for run in find_runs()}
    assert {run.status for run in find_runs()} == {"FINISHED", "FAILED"}


@pytest.mark.usefixtures("watch_store")
def test_nodes_with_other_code_are_refused_before_anything_runs(nodes, monkeypatch):
    monkeypatch.setattr(
        terms, "code_here", lambda: {**code_here(), "torch": "2.9.0", "source of fusion gru": "x"}
    )
    with (
        pytest.raises(
            UserError, match=r"\): torch is 2\.13\S+, and 2\.9\.0 where .* \(and 1 more\)\. .*Nothing"
        ),
        on_ray(nodes, Told()),
    ):
        pass
    assert find_runs() == []
