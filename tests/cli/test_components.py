"""``list``, ``show`` and ``plugins``."""

from __future__ import annotations

import pytest


def test_list_names_every_builtin_and_preset(cli):
    ended = cli("list")
    assert ended.code == 0
    for name in ("arpg", "temma", "mult", "concat_mlp", "region_gat", "tiny", "afew", "arpg-no-scope"):
        assert name in ended.out
    heads = cli("list", "fusion").out
    assert "tiny" not in heads
    assert heads.count("(experimental)") == 2  # cmha, multi_attention


def test_show_prints_defaults_bounds_and_meaning(cli):
    ended = cli("show", "fusion", "arpg")
    row = next(line for line in ended.out.splitlines() if line.strip().startswith("trs"))
    assert "3" in row and ">= 0" in row and "temporal response scope" in row
    assert "--set fusion.OPTION=VALUE" in ended.out
    preset = cli("show", "fusion", "arpg-no-scope")
    assert "null" in next(line for line in preset.out.splitlines() if line.strip().startswith("trs"))


def test_plugins_are_all_on(cli):
    ended = cli("plugins")
    assert ended.code == 0 and " off " not in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["list", "fusions"],
            "no kind 'fusions'. Did you mean 'fusion'? Kinds: fusion, relation, backbone, dataset.",
        ),
        (["show", "fusion", "temmma"], "Did you mean 'temma'?"),
        (["show", "head", "arpg"], "no kind 'head'."),
    ],
)
def test_wrong_names_end_with_2(cli, arguments, message):
    ended = cli(*arguments)
    assert ended.code == 2 and message in ended.err
