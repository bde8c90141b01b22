"""A head from outside is as good as a built-in one, and a plugin that goes wrong stops nobody else."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
def test_a_strangers_head_is_listed_shown_checked_and_run(commands, few_clips):
    data = ["--dataset", "afew", "--data-root", few_clips]
    listed, shown, checked, ran, planned, taken = commands(
        ["list", "fusion"],
        ["show", "fusion", "gated"],
        ["check", "fusion", "gated", "--set", "fusion.hidden=16"],
        ["run", "--fusion", "gated", *data, "--epochs", "1", "--set", "fusion.hidden=16", "--json"],
        ["compare", "--fusion", "gated", "--fusion", "concat", *data, "--dry-run"],
        ["new", "fusion", "gated"],
    )
    assert row(listed.out, "gated").split()[-1] == "gated-fusion"
    assert row(listed.out, "arpg").split()[-1] == "fusionbench"
    assert "width all streams are projected to" in row(shown.out, "hidden") and "> 0" in row(
        shown.out, "hidden"
    )
    assert checked.code == 0 and "18 passed, 2 skipped" in checked.out
    assert "traced as one graph, the same logits" in checked.out
    assert ran.code == 0, ran.err
    outcome = json.loads(ran.out)
    assert outcome["config"]["fusion"] == {"name": "gated", "plugin": "gated", "hidden": 16}
    assert 0 <= outcome["metrics"]["report/accuracy"] <= 1
    assert planned.code == 0 and "2 of 2 runs are to be done" in planned.out
    assert taken.code == 2 and "brought by gated-fusion" in taken.err


@pytest.mark.slow
def test_plugins_that_go_wrong_are_named_and_stop_nobody(commands):
    plugins, listed, planned, unknown, leaky, as_json = commands(
        ["plugins"],
        ["list"],
        ["run", "--fusion", "arpg", "--dataset", "afew", "--dry-run"],
        ["check", "fusion", "gatd"],
        ["check", "fusion", "leaky"],
        ["check", "fusion", "leaky", "--json"],
    )
    assert [plugins.code, listed.code, planned.code] == [0, 0, 0]
    for name, state, reason in (
        ("gated", "on", "fusion gated"),
        ("raises_at_import", "off", "import raised ImportError: libfancy.so.3: cannot open shared object"),
        ("exits_at_import", "off", "import raised SystemExit: usage: train.py --gpu N"),
        ("raises_when_called", "off", "fusion_heads() raised FileNotFoundError: heads.json"),
        ("misspelt_hook", "off", "unknown hook 'fusion_head'. Hooks: backbones,"),
        ("gone", "off", "import raised ModuleNotFoundError: No module named 'no_such_module'"),
        ("taken_name", "partly off", "fusion spare"),
        ("leaky", "on", "fusion leaky"),
    ):
        assert reason in row(plugins.out, name), name
        assert f" {state} " in row(plugins.out, name), name
    assert "fusion head 'arpg' is taken by fusionbench (fusionbench_fusions.arpg); rename it." in plugins.out
    assert "entry point 'concat' is taken by fusionbench; rename it." in plugins.out
    assert row(listed.out, "concat").split()[-1] == "fusionbench" and row(listed.out, "spare")
    assert unknown.code == 2 and "no fusion head named 'gatd'. Did you mean 'gated'?" in unknown.err
    assert leaky.code == 1 and "likely fix: pool with fb.masked_mean" in leaky.out
    verdict = json.loads(as_json.out)
    broken = [finding["rule"] for finding in verdict["findings"] if finding["state"] == "broken"]
    assert as_json.code == 1 and not verdict["conforms"]
    assert broken == [
        "padded frames never change the logits",
        "a clip alone has the logits it has in a batch",
    ]


@pytest.mark.slow
def test_a_head_that_brings_its_worker_down_is_known_by_name_and_costs_nobody_else(commands, few_clips):
    heads = ["--fusion", "concat", "--fusion", "deadly", "--fusion", "single"]
    data = ["--dataset", "afew", "--data-root", few_clips, "--epochs", "2"]
    (ended,) = commands(["compare", *heads, *data, "--workers", "2", "--json"])
    assert ended.code == 1 and "the worker of deadly, seed 0 was killed; it is tried once more" in ended.err
    made = json.loads(ended.out)
    assert {r["label"] for r in made["ranking"]} == {"concat", "single"}
    assert [(f["label"], f["seed"]) for f in made["failed"]] == [("deadly", 0)]
    assert made["failed"][0]["reason"].startswith("its worker was killed twice")


def row(table: str, name: str) -> str:
    """The line of a printed table that starts with ``name``."""
    return next(line for line in table.splitlines() if line.split()[:1] == [name])
