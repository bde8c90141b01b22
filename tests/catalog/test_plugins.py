"""Plugins: one bad one is named and switched off, the rest go on."""

from __future__ import annotations

import re
import types

import pytest

import fusionbench as fb
from fusionbench.catalog.plugins import Catalog, Plugin, collect
from fusionbench.catalog.presets import read_presets
from fusionbench.catalog.resolve import Request, resolve, resolve_component
from fusionbench.contract.watch import Watch


class Head(fb.FusionHead):
    """A head."""

    name = "mine"


def module(**functions) -> types.ModuleType:
    made = types.ModuleType("stranger")
    for name, function in functions.items():
        setattr(made, name, fb.hookimpl(function))
    return made


def plugin(name: str = "stranger") -> Plugin:
    return Plugin(name, name, "stranger-dist", "1.0")


def test_builtins_come_by_entry_points_and_are_all_on():
    catalog = collect()
    assert [p.name for p in catalog.plugins if p.problems] == []
    assert {"arpg", "temma", "mult", "multi_attention", "concat", "single", "concat_mlp"} <= set(
        catalog.names("fusion")
    )
    assert {p.distribution for p in catalog.plugins} == {"fusionbench"}


def test_a_component_is_found_under_its_class_name():
    catalog, offered = Catalog(), plugin()
    catalog.add(offered, module(fusion_heads=lambda: [Head]))
    assert catalog.get("fusion", "mine").cls is Head
    assert offered.offers == {"fusion": ["mine"]}


def test_a_hook_that_raises_switches_only_its_plugin_off():
    def broken():
        raise OSError("no disk")

    catalog, bad, good = Catalog(), plugin("bad"), plugin("good")
    catalog.add(bad, module(fusion_heads=broken))
    catalog.add(good, module(fusion_heads=lambda: [Head]))
    assert len(bad.problems) == 1
    assert bad.problems[0].startswith("fusion_heads() raised OSError: no disk (test_plugins.py, line ")
    assert catalog.names("fusion") == ["mine"]


def test_a_misspelt_hook_is_named_and_does_not_infect_the_next_plugin():
    catalog, bad, good = Catalog(), plugin("bad"), plugin("good")
    catalog.add(bad, module(fusion_head=lambda: [Head]))
    catalog.add(good, module(fusion_heads=lambda: [Head]))
    assert bad.problems[0].startswith("unknown hook 'fusion_head'.")
    assert not good.problems and catalog.names("fusion") == ["mine"]


def test_a_taken_name_keeps_its_first_owner():
    class Other(fb.FusionHead):
        name = "mine"

    catalog, first, second = Catalog(), plugin("first"), plugin("second")
    catalog.add(first, module(fusion_heads=lambda: [Head]))
    catalog.add(second, module(fusion_heads=lambda: [Other]))
    assert catalog.get("fusion", "mine").cls is Head
    assert "'mine' is taken by stranger-dist" in second.problems[0]


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (lambda: [dict], "expected subclasses of fusionbench.FusionHead"),
        (lambda: [type("Nameless", (fb.FusionHead,), {})], "has no `name`"),
        (
            lambda: [type("Loose", (fb.FusionHead,), {"name": "x", "Config": dict})],
            "not a subclass of fusionbench.Config",
        ),
    ],
)
def test_what_is_no_component_is_refused_with_the_reason(offer, reason):
    catalog, bad = Catalog(), plugin()
    catalog.add(bad, module(fusion_heads=offer))
    assert reason in bad.problems[0]
    assert catalog.names("fusion") == []


@pytest.fixture
def sites(tmp_path, monkeypatch):
    """``sites(name, source)`` installs a distribution of one module and collects anew."""

    def install(name: str, source: str | None, module: str = "", point: str = "") -> Catalog:
        module = module or f"{name}_fusion"
        if source is not None:
            (tmp_path / f"{module}.py").write_text(source)
        record = tmp_path / f"{name}_dist-0.3.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 0.3\n")
        (record / "entry_points.txt").write_text(f"[fusionbench]\n{point or name} = {module}\n")
        collect.cache_clear()
        return collect()

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    collect.cache_clear()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import fusionbench as fb\nclass A(:\n",
            "import raised SyntaxError: .* \\(slim_fusion.py, line 2\\)",
        ),
        ("\nimport no_such_thing\n", "No module named 'no_such_thing' \\(slim_fusion.py, line 2\\)"),
        ("{}['k']\n", "import raised KeyError: 'k' \\(slim_fusion.py, line 1\\)"),
        ("raise SystemExit('usage')\n", "import raised SystemExit: usage"),
        (None, "import raised ModuleNotFoundError: No module named 'slim_fusion'"),
    ],
)
@pytest.mark.parametrize("asked", ["slim", "slim_fusion", "slimm"])
def test_a_plugin_that_is_off_and_may_be_meant_is_told_with_its_reason(sites, source, reason, asked):
    catalog = sites("slim", source)
    with pytest.raises(fb.UserError, match=f"no fusion head named '{asked}'") as caught:
        catalog.get("fusion", asked)
    assert re.search(rf"Plugin 'slim' \(slim-dist 0.3\) is off: .*{reason}", str(caught.value))
    assert str(caught.value).endswith("Mend that, then try again.")


def test_of_other_names_it_is_said_that_plugins_are_off(sites):
    catalog = sites("slim", "raise OSError('no disk')")
    with pytest.raises(
        fb.UserError, match=r"pip install -e \.` again\. Off: slim; `fusionbench plugins` says"
    ):
        catalog.get("fusion", "transformer")


def test_a_name_that_is_taken_and_one_in_the_problem_are_told():
    catalog, bad = Catalog(), plugin("other")
    wide = type("Wide", (fb.FusionHead,), {"name": "wide", "Config": dict})
    catalog.add(bad, module(fusion_heads=lambda: [wide]))
    assert "Wide.Config is not a subclass" in str(catalog.unknown("fusion", "other"))
    taken = Catalog()
    taken.add(plugin("first"), module(fusion_heads=lambda: [Head]))
    taken.add(plugin("second"), module(fusion_heads=lambda: [type("Again", (Head,), {})]))
    assert "Plugin 'second'" in str(taken.unknown("fusion", "second"))
    assert "Plugin 'second'" in str(taken.unknown("dataset", "mine"))


def test_run_check_show_and_presets_say_it_alike(sites, tmp_path):
    catalog = sites("slim", "raise OSError('no disk')")
    mine = tmp_path / "mine.yaml"
    mine.write_text("fusion:\n  thin: {plugin: slim}\n")
    for ask in (
        lambda: resolve(Request({"fusion": "slim", "dataset": "afew"}), catalog),
        lambda: resolve_component("fusion", "slim", Request(), catalog),
        lambda: read_presets(catalog, mine),
    ):
        with pytest.raises(fb.UserError, match="is off: import raised OSError: no disk"):
            ask()


def test_an_observer_that_raises_is_switched_off_and_named():
    calls: list[str] = []

    def raises(run):
        raise ValueError("cannot reach the board")

    class Listening(Watch):
        def warn(self, message: str) -> None:
            calls.append(message)

    catalog = Catalog()
    catalog.add(plugin("loud"), module(run_started=raises))
    catalog.add(plugin("quiet"), module(run_started=lambda run: calls.append(run.name)))
    info = fb.RunInfo("arpg/afew/s0", "id", {}, stand_in=True)
    catalog.observe("run_started", Listening(), info)
    catalog.observe("run_started", Listening(), info)
    assert calls.count("arpg/afew/s0") == 2
    assert [c for c in calls if "cannot reach the board" in c] == [
        "plugin 'loud' is switched off: run_started raised ValueError: cannot reach the board"
    ]
