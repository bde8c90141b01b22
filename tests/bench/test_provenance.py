"""What a run writes down before it trains, and how two such notes are compared."""

from __future__ import annotations

import io
import math
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from fusionbench.bench.build import CUBLAS_WORKSPACE, check_device
from fusionbench.bench.differences import HARMLESS, MAY, WILL, differences, option_differences, unknown
from fusionbench.bench.digits import digits_of, first_epoch_apart, in_common
from fusionbench.bench.machine import machine
from fusionbench.bench.outcome import FoldOutcome
from fusionbench.bench.provenance import provenance
from fusionbench.bench.seed_spread import SeedSpread
from fusionbench.bench.source_archive import archive, component_sources, file_hashes, harness_sources
from fusionbench.catalog.identity import PACKAGE
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.learn.metrics import Predictions


def test_the_archive_holds_what_the_identity_hashes_and_has_the_same_bytes_each_time():
    arpg = collect().get("fusion", "arpg").cls
    sources = harness_sources() | component_sources(arpg)
    content = archive(sources)
    assert content == archive(dict(reversed(sources.items()))) and len(content) < 300_000
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == sorted(sources) and packed.testzip() is None
        assert packed.read("fusionbench/learn/fit.py") == (PACKAGE / "learn" / "fit.py").read_bytes()
        assert b"class ARPG" in packed.read("fusionbench_fusions/arpg.py")
    assert not any(name.startswith(("fusionbench/bench", "fusionbench/cli")) for name in sources)


def test_components_and_machine_are_written_down_without_data():
    config = resolve(Request({"fusion": "arpg", "dataset": "afew", "threads": 3}), collect())
    known = provenance(config, collect())
    assert known["fusion"]["distribution"] == "fusionbench" and known["threads"] == 3
    assert set(known["fusion"]["files"]) >= {"fusionbench_fusions/arpg.py"}
    assert known["harness"]["files"] == file_hashes(harness_sources())
    assert not {"data", "split", "identity"} & set(known)


def test_the_machine_is_described_without_asking_for_a_gpu():
    about = machine("cpu")
    assert about["gpu"] == {"name": None, "cuda": None, "cudnn": None}
    assert set(about["versions"]) == {"python", "fusionbench", "torch", "numpy", "mlflow"}
    assert "ATen parallel backend" in about["torch"]["parallel"] and about["cpu"]["instruction_set"]
    assert about["switches"]["onednn"] in (True, False)


def test_cublas_gets_a_fixed_workspace_before_cuda_is_asked_and_a_users_own_stays(monkeypatch):
    import torch

    seen = []
    monkeypatch.setattr(
        torch.cuda, "is_available", lambda: seen.append(os.environ.get(CUBLAS_WORKSPACE)) or False
    )
    monkeypatch.delenv(CUBLAS_WORKSPACE, raising=False)
    check_device("cpu")
    with pytest.raises(UserError, match="no device 'cuda'"):
        check_device("cuda")
    monkeypatch.setenv(CUBLAS_WORKSPACE, ":16:8")
    with pytest.raises(UserError):
        check_device("cuda")
    assert seen == [None, ":4096:8", ":16:8"]


def test_each_difference_says_what_it_means_and_files_that_differ_are_counted():
    then = {
        "format": 1,
        "device": "cuda",
        "data": {"fingerprint": "a", "root": "/one"},
        "gpu": {"name": "H100"},
        "fusion": {"version": "1", "name": "preset", "code": "x", "files": {"a.py": "1", "b.py": "2"}},
        "cpu": {"model": "one", "cores": 2},
        "torch": {"config": "long", "build": "q"},
    }
    others = {"b.py": "3", "c.py": "4"}
    now = {
        "format": 2,
        "device": "cpu",
        "data": {"fingerprint": "b", "root": "/two"},
        "gpu": {"name": None},
        "fusion": {"version": "1", "name": "other", "code": "y", "files": {"a.py": "1", **others}},
        "cpu": {"model": "two", "cores": 4},
        "torch": {"config": "other", "build": "q"},
    }
    found = [(each.what, each.then, each.now, each.severity) for each in differences(then, now)]
    assert found == [
        ("data.fingerprint", "a", "b", WILL),
        ("gpu.name", "H100", "none", MAY),
        ("fusion.code", "x", "y (2 files differ: b.py, c.py)", MAY),
        ("cpu.model", "one", "two", MAY),
        ("data.root", "/one", "/two", HARMLESS),
        ("fusion.name", "preset", "other", HARMLESS),
        ("cpu.cores", "2", "4", HARMLESS),
    ]


def test_options_are_compared_by_name_and_where_the_data_lie_is_none():
    then = {"threads": 2, "device": "cuda", "fold": None, "data.root": "x", "fusion.gone": 1, "seed": 0}
    now = {"threads": 1, "device": "cpu", "fold": "s1", "data.root": "y", "fusion.new": 2, "seed": 0}
    found = {each.what: (each.then, each.now, each.severity) for each in option_differences(then, now)}
    assert found == {
        "threads": ("2", "1", MAY),
        "device": ("cuda", "cpu", WILL),
        "fusion.gone": ("1", "no such option", MAY),
        "fusion.new": ("no such option", "2", MAY),
    }


def test_what_one_side_does_not_know_is_no_difference_but_told():
    then = {"versions": {"torch": "2"}}
    now = {"versions": {"torch": "2", "python": "3"}, "cpu": {"model": "m", "cores": 2}, "identity": "i"}
    assert differences(then, now) == []
    assert unknown(then, now) == ["versions.python", "cpu"]


EPOCHS = [{"train/loss": 0.5, "selection/loss": 0.75}, {"train/loss": 0.1, "selection/loss": 0.2}]


def fold(report, last=None, epochs=EPOCHS) -> FoldOutcome:
    ids = tuple(f"c{k}" for k in range(len(report)))
    made = [
        Predictions(ids, np.zeros(len(ids), int), np.log(np.float32(p))) for p in (report, last or report)
    ]
    return FoldOutcome("official", "r", "i", {}, {}, 0.5, 1, *made, history=epochs)


def test_digits_are_exact_and_do_not_depend_on_how_predictions_were_kept():
    whole = fold([[0.25, 0.75]])
    made = digits_of(whole)
    assert made.epochs[0] == {"train/loss": "0x1.0000000000000p-1", "selection/loss": "0x1.8000000000000p-1"}
    said = whole.report
    wide = Predictions(said.ids, said.labels, said.log_probabilities.astype(np.float64))
    assert digits_of(replace(whole, report=wide)) == made


def test_the_first_epoch_apart_sees_the_last_digit_and_a_missing_epoch():
    one = digits_of(fold([[0.25, 0.75]]))
    nudged = [EPOCHS[0], {**EPOCHS[1], "train/loss": math.nextafter(0.1, 1)}]
    assert first_epoch_apart(one, one) is None
    assert first_epoch_apart(one, digits_of(fold([[0.25, 0.75]], epochs=nudged))) == 2
    assert first_epoch_apart(one, digits_of(fold([[0.25, 0.75]], epochs=EPOCHS[:1]))) == 2
    assert first_epoch_apart(one, digits_of(fold([[0.25, 0.75]], epochs=[]))) is None, "none were kept"


@pytest.mark.parametrize(
    ("report", "last", "epochs", "word"),
    [
        ([[0.25, 0.75], [0.5, 0.5]], None, EPOCHS, "same digits"),
        ([[0.25, 0.75], [0.5, 0.5]], None, EPOCHS[:1], "same predictions"),
        ([[0.25, 0.75], [0.5, 0.5]], [[0.9, 0.1], [0.5, 0.5]], EPOCHS, "same predictions"),
        ([[0.26, 0.74], [0.5, 0.5]], None, EPOCHS, "same predictions"),
        ([[0.75, 0.25], [0.5, 0.5]], None, EPOCHS, None),
    ],
)
def test_what_two_runs_have_in_common(report, last, epochs, word):
    then = digits_of(fold([[0.25, 0.75], [0.5, 0.5]]))
    assert in_common(then, digits_of(fold(report, last, epochs))) == word


def test_the_reach_of_seeds_is_that_of_a_difference_of_two_and_needs_three():
    spread = SeedSpread({1: 0.5, 2: 0.6, 3: 0.7})
    assert spread.reach == pytest.approx(4.302653 * math.sqrt(2) * 0.1)  # t of 2 degrees of freedom, 97.5 %
    assert spread.covers(0.2, 0.8) and not spread.covers(0.2, 0.81)
    assert SeedSpread({1: 0.5, 2: 0.6}).reach is None and not SeedSpread({}).covers(0.5, 0.5)
    assert not SeedSpread({1: 0.5, 2: 0.5, 3: 0.5}).covers(0.5, 0.51)
