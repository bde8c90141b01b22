"""What is not as it was when a run was made is named before anything trains."""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import replace

import pytest

import fusionbench as fb
from fusionbench.bench import machine, run as run_module
from fusionbench.bench.claim import KIND_TAG
from fusionbench.bench.differences import HARMLESS, MAY, WILL
from fusionbench.bench.reproduction_plan import _device
from fusionbench.catalog.identity import _hash_of_files
from fusionbench.catalog.in_session import with_classes
from fusionbench.catalog.plugins import Catalog, Plugin, collect
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.track.connection import get_client
from fusionbench.track.records import get_run
from tests import fakes
from tests.bench.short_runs import looked_at, named, once, over, write_store

HEAD = """
import torch
import fusionbench as fb


class Strange(fb.FusionHead):
    name = "strange"

    def __init__(self, spec, config):
        super().__init__()
        self.classify = torch.nn.Linear(sum(spec.dims.values()), spec.classes)

    def forward(self, streams):
        return self.classify(torch.cat([fb.masked_mean(s, streams.mask) for s in streams.values()], -1))
"""


@pytest.fixture(autouse=True)
def store(tracked):
    write_store()


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """``strange("1.0")``: a catalog with a third party's head of that version, its file as it is now."""
    file = tmp_path / "strange_plugin.py"
    file.write_text(HEAD)
    monkeypatch.syspath_prepend(tmp_path)

    def catalog(version: str) -> Catalog:
        sys.modules.pop("strange_plugin", None)
        importlib.invalidate_caches()
        head = importlib.import_module("strange_plugin").Strange
        _hash_of_files.cache_clear()
        found = fakes.catalog()
        offering = types.ModuleType("strange_offer")
        offering.fusion_heads = fb.hookimpl(lambda: [head])
        found.add(Plugin("strange", "strange_plugin", "strange-heads", version), offering)
        return found

    yield file, catalog
    sys.modules.pop("strange_plugin", None)


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may train from here on."""

    def refuse(*args):
        raise AssertionError("something was trained")

    return lambda: monkeypatch.setattr(run_module, "fit", refuse)


@pytest.mark.slow
def test_another_thread_count_is_named_and_the_recorded_one_is_taken(untrained):
    first = once(threads=2)
    untrained()
    assert looked_at(first).config.options.threads == 2 and named(looked_at(first)) == {}
    assert named(looked_at(first, threads=1)) == {"threads": MAY}


@pytest.mark.slow
def test_another_version_of_a_plugin_and_other_code_are_named(strange, untrained):
    file, catalog = strange
    first = once(catalog("1.0"), fusion="strange")
    untrained()
    assert named(looked_at(first, catalog("1.0"))) == {}
    assert named(looked_at(first, catalog("2.0"))) == {"fusion.version": MAY}
    file.write_text(HEAD + "\n# said more clearly\n")
    (changed,) = looked_at(first, catalog("1.0")).differences
    assert (changed.what, changed.severity) == ("fusion.code", MAY)
    assert changed.now.endswith("(1 file differs: strange_plugin.py)")


@pytest.mark.slow
def test_a_plugin_that_is_gone_is_named_before_anything_runs(strange, untrained):
    _, catalog = strange
    first = once(catalog("1.0"), fusion="strange")
    untrained()
    with pytest.raises(UserError, match=f"run {first} needs fusion head 'strange', version 1.0: no fusion"):
        over(first)


@pytest.mark.slow
def test_another_machine_and_other_libraries_are_named_with_what_they_may_do(monkeypatch, untrained):
    first = once()
    untrained()
    monkeypatch.setattr(machine, "version", lambda name: {"torch": "9.9", "mlflow": "8.8"}.get(name, "7.7"))
    monkeypatch.setattr(machine.torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 999)
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = looked_at(first)
    assert named(found) == {
        "versions.torch": MAY,
        "versions.numpy": MAY,
        "versions.fusionbench": MAY,
        "cpu.instruction_set": MAY,
        "switches.MKL_CBWR": MAY,
        "versions.mlflow": HARMLESS,
        "cpu.cores": HARMLESS,
    }
    told = {each.what: (each.then, each.now) for each in found.differences}
    assert told["switches.MKL_CBWR"] == ("none", "COMPATIBLE") and told["versions.torch"][1] == "9.9"
    ranks = [(WILL, MAY, HARMLESS).index(each.severity) for each in found.differences]
    assert ranks == sorted(ranks)


@pytest.mark.slow
def test_changed_data_are_refused_until_the_user_points_to_them(untrained, tmp_path):
    first = once()
    write_store(shift=0.5)
    untrained()
    found = looked_at(first)
    assert named(found) == {"data.fingerprint": WILL}
    with pytest.raises(UserError, match=r"the data are not those of run .*features has the fingerprint"):
        over(first)
    pointed = looked_at(first, data_root=tmp_path / "features")
    assert named(pointed) == {"data.fingerprint": WILL} and not pointed.refusal
    (tmp_path / "features").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"the data of run .* are not here: .*--data-root PATH"):
        looked_at(first)


@pytest.mark.slow
def test_data_that_were_moved_are_the_same_data(tmp_path):
    first = once()
    (tmp_path / "features").rename(tmp_path / "moved")
    made = over(first, data_root=tmp_path / "moved")
    assert named(made.plan) == {"data.root": HARMLESS} and made.verdict == "same digits"


@pytest.mark.slow
def test_another_split_of_the_same_data_is_named(monkeypatch, untrained):
    first = once()
    untrained()
    streams = collect().get("dataset", "streams").cls
    monkeypatch.setattr(streams, "protocol", replace(streams.protocol, seed=streams.protocol.seed + 1))
    assert named(looked_at(first)) == {"split.train": WILL, "split.selection": WILL, "split.all": WILL}


@pytest.mark.slow
def test_what_cannot_be_done_over_is_told_with_what_can(monkeypatch):
    first = once()
    record = get_run(first)
    get_client().set_terminated(first, "KILLED")
    with pytest.raises(UserError, match=rf"run {first} \({record.name}\) is killed"):
        looked_at(first)
    parent = get_client().create_run(record.experiment_id, tags={KIND_TAG: "comparison"}).info.run_id
    get_client().set_terminated(first, "FINISHED")
    get_client().set_tag(first, "mlflow.parentRunId", parent)
    with pytest.raises(UserError, match=f"is a comparison; .* Next: fusionbench reproduce {first}"):
        looked_at(parent)
    foreign = get_client().create_run(record.experiment_id).info.run_id
    with pytest.raises(UserError, match="was not made by `fusionbench run`"):
        looked_at(foreign)
    with pytest.raises(UserError, match="no run 'abcd' at sqlite"):
        looked_at("abcd")


@pytest.mark.slow
def test_a_class_of_a_session_is_named_where_the_session_is_over(untrained):
    class Passing(fakes.PerFrame):
        name = "passing"

        def forward(self, streams):
            return super().forward(streams).mean(dim=1)

    first = once(with_classes([Passing]), fusion="passing")
    untrained()
    with pytest.raises(UserError, match=f"run {first} needs fusion head 'passing', a class of a session"):
        looked_at(first)


def test_a_device_that_is_not_here_is_replaced_by_the_cpu_and_told():
    class Told(Watch):
        def __init__(self):
            self.warnings = []

        def warn(self, message):
            self.warnings.append(message)

    watch = Told()
    assert _device("cuda:99", watch) == "cpu" and _device("cpu", watch) == "cpu"
    (warning,) = watch.warnings
    assert warning.startswith("no device 'cuda:99'") and warning.endswith("The run goes on cpu instead.")
