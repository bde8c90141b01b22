"""A Ray cluster of two nodes on this machine: the figures of one process, whatever becomes of a node.

Ray starts servers and takes its time, so this is no part of ``make test``: ``pytest -m cluster``.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.study.compare import compare
from fusionbench.study.design import design
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
EPOCHS = 150
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

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20})
    yield made
    made.shutdown()


@pytest.fixture
def nodes(head):
    """The cluster with two nodes of one slot each."""
    while len(head.worker_nodes) < 2:
        head.add_node(num_cpus=1, object_store_memory=100 << 20)
    head.wait_for_nodes()
    return head


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
    return [(row.label, row.spread.values) for row in made.ranking]


def on_ray(nodes, watch, config=None, **options):
    from fusionbench.study.executors.cluster import connected

    config = config or resolve(Request({**BASE, "fusion": "gru"}), collect())
    return connected(nodes.address, [config], watch, **options)


@pytest.mark.usefixtures("watch_store")
def test_a_node_is_killed_and_nothing_is_lost(nodes, monkeypatch, tmp_path):
    told = Told(EPOCHS // 2, lambda: nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False))
    began = time.monotonic()
    with on_ray(nodes, told) as cluster:
        made = compare(experiment(), watch=told, cluster=cluster)
    print("took", time.monotonic() - began, told.notes, told.warned)
    runs = find_runs(tags={"fusionbench.kind": "run"})
    assert [run.status for run in runs] == ["FINISHED"] * 4
    assert any("lost" in line for line in told.warned)
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    assert figures(compare(experiment())) == figures(made)
