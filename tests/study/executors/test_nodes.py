"""What nodes of a cluster are compared by, and how data reach them; no cluster is needed for that."""

from __future__ import annotations

import os
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.source import open_data
from fusionbench.catalog.identity import harness_hash
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.study.executors.cluster import Cluster, connect, connected, needs_of
from fusionbench.study.executors.nodes import (
    MappedFile,
    Parcel,
    Terms,
    code_here,
    differences,
    files_of,
    refuse_unfit,
)


def config(**values):
    base = {"dataset": "streams", "data.root": "watch", "fusion": "concat"}
    return resolve(Request({**base, **values}), collect())


@pytest.fixture
def data():
    draw = np.random.default_rng(0)
    clips = [
        {
            "id": f"c{k}",
            "label": "np"[k % 2],
            "split": "train" if k < 8 else "test",
            "streams": {"a": draw.normal(size=(3, 2)), "b": draw.normal(size=(3, 4))},
        }
        for k in range(12)
    ]
    fb.write_stream_store("watch", clips)
    return open_data(config(), Watch())


def test_every_version_and_source_that_decides_digits_is_compared():
    code = code_here()
    assert {"python", "torch", "numpy", "mlflow", "fusionbench"} <= set(code)
    assert {"source of fusionbench", "source of fusion arpg", "source of dataset afew"} <= set(code)
    assert harness_hash(".") != harness_hash("nn", "learn") and differences(code, code_here()) == []
    other = {**code, "torch": "2.9", "source of fusion mine": "abc"}
    del other["numpy"]
    assert differences(code, other) == [
        f"torch is 2.9, and {code['torch']} where the command was given",
        f"numpy is missing, and {code['numpy']} where the command was given",
    ]


def test_unfit_nodes_are_refused_by_name():
    refuse_unfit({"10.0.0.1 (ab)": []})
    with pytest.raises(UserError, match=r"10\.0\.0\.2 \(cd\): torch is 2\.9 \(and 1 more\)\. Nothing"):
        refuse_unfit({"10.0.0.1 (ab)": [], "10.0.0.2 (cd)": ["torch is 2.9", "numpy is 1"]})


@pytest.mark.usefixtures("database")
def test_a_job_enters_the_terms_of_where_its_command_was_given(tmp_path, monkeypatch):
    marker = writable_folder("nodes") / "m"
    marker.touch()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    terms = pickle.loads(pickle.dumps(Terms.here(str(marker.relative_to(cache_root())))))
    here, tracker = os.getcwd(), os.environ["MLFLOW_TRACKING_URI"]
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert terms.entered() == []
    assert (os.getcwd(), os.environ["MLFLOW_TRACKING_URI"]) == (here, tracker)
    assert cache_root() == tmp_path / "cache" and os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    marker.unlink()
    (fault,) = terms.entered()
    assert fault.startswith(f"it does not see the cache {tmp_path / 'cache'}")


@pytest.mark.usefixtures("database")
def test_a_tracker_that_a_node_does_not_reach_is_told(monkeypatch):
    marker = writable_folder("nodes") / "m"
    marker.touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:1")
    (fault,) = Terms.here("nodes/m").entered()
    assert "no MLflow server answers" in fault and "hunter2" not in fault


def test_arrays_travel_as_files_where_these_are_shared_and_whole_where_not(data):
    files = files_of(data)
    assert set(files) == {"a", "b"} and all(file.is_here() for file in files.values())
    packed = pickle.dumps(Parcel.of(data, {"a": files["a"]}))
    got = pickle.loads(packed).opened()
    assert isinstance(got.arrays["a"], np.memmap) and not isinstance(got.arrays["b"], np.memmap)
    assert list(got.arrays) == list(data.arrays)
    for name, array in data.arrays.items():
        np.testing.assert_array_equal(got.arrays[name], array)
    assert got.fingerprint == data.fingerprint and got.index.clips == data.index.clips
    assert [f.train for f in got.folds(None)] == [f.train for f in data.folds(None)]


def test_another_file_of_the_same_name_is_not_mapped(data):
    file = files_of(data)["a"]
    os.utime(file.path, ns=(file.changed, file.changed + 1))
    assert not file.is_here()
    with pytest.raises(UserError, match="is not the same file"):
        file.opened()
    os.remove(file.path)
    assert not file.is_here()
    assert MappedFile.of(np.zeros(3)) is None


@pytest.mark.parametrize(
    ("options", "needs"),
    [({"threads": 4}, {"num_cpus": 4, "num_gpus": 0}), ({"device": "cuda"}, {"num_cpus": 1, "num_gpus": 1})],
)
def test_what_a_job_takes_is_read_off_its_device_and_threads(options, needs):
    assert needs_of(config(**options)) == needs


@pytest.mark.parametrize("device", ["cuda:1", "mps"])
def test_a_device_that_ray_cannot_hand_out_is_refused(device):
    with pytest.raises(UserError, match=rf"--device {device} can't be asked of a cluster.*: cpu, cuda"):
        needs_of(config(device=device))


def test_without_ray_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with (
        pytest.raises(UserError, match=r"needs Ray, on every node: pip install 'fusionbench\[cluster\]'"),
        connected("auto", [config()], Watch()),
    ):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1", "127.0.0.1:99999", "ray://127.0.0.1:1"])
def test_where_no_cluster_answers_is_said_at_once_and_how_to_start_one(address):
    with pytest.raises(
        UserError, match=rf"no Ray cluster answers at --address {address} \(.*\)\. .*`ray start --head`"
    ):
        connect(None, address)


def cluster_of(*nodes, needs, most=None) -> Cluster:
    """A cluster whose nodes have these resources; the last one is gone."""
    known = [
        {
            "NodeID": f"{k}abcdefg",
            "NodeManagerAddress": f"10.0.0.{k}",
            "Alive": k < len(nodes),
            "Resources": has,
        }
        for k, has in enumerate(nodes, 1)
    ]
    library = SimpleNamespace(put=lambda terms: None, nodes=lambda: known)
    return Cluster(library, needs, most, None)


NODES = ({"CPU": 9.0, "GPU": 1.0}, {"CPU": 3.0}, {"CPU": 99.0, "GPU": 8.0})


@pytest.mark.parametrize(
    ("needs", "most", "room"),
    [
        ({"num_cpus": 1, "num_gpus": 0}, None, 12),
        ({"num_cpus": 2, "num_gpus": 0}, None, 5),
        ({"num_cpus": 2, "num_gpus": 0}, 3, 3),
        ({"num_cpus": 2, "num_gpus": 1}, None, 1),
    ],
)
def test_as_many_jobs_side_by_side_as_fit_on_each_node(needs, most, room):
    assert cluster_of(*NODES, needs=needs, most=most).room == room


@pytest.mark.usefixtures("database")
def test_the_plan_names_nodes_slots_and_places_without_secrets(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@10.0.0.1:5000")
    told = cluster_of(*NODES, needs={"num_cpus": 2, "num_gpus": 0}).plan("postgresql://me:hunter2@h/studies")
    assert told == [
        "cluster: 2 nodes, 5 jobs side by side (2 CPU, 0 GPU each)",
        "  node 10.0.0.1 (1abcde): 4 slots",
        "  node 10.0.0.2 (2abcde): 1 slots",
        "  tracker: http://10.0.0.1:5000",
        "  studies: postgresql://me:***@h/studies",
        f"  shared folder: {tmp_path / 'cache'}",
    ]
    with pytest.raises(UserError, match=r"no node of the cluster can take a job \(16 CPU, 0 GPU each\)"):
        cluster_of(*NODES, needs={"num_cpus": 16, "num_gpus": 0}).plan(None)
