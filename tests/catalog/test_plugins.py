"""Plugins: one bad one is named and switched off, the rest go on."""

from __future__ import annotations

import types

import pytest

import fusionbench as fb
from fusionbench.catalog.plugins import Catalog, Plugin, collect
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
    assert bad.problems == ["fusion_heads() raised OSError: no disk"]
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
