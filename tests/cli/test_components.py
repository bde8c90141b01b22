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


def row(printed: str, first: str) -> str:
    """The line of a printed table that starts with ``first``."""
    return next(line for line in printed.splitlines() if line.split()[:1] == [first])


def test_show_prints_the_groups_of_a_runs_options(cli):
    training = cli("show", "training").out
    assert ">= 1, <= 10000" in row(training, "epochs") and "passes over the training part" in training
    assert "--set training.OPTION=VALUE" in training
    assert "streams: batch_size=8, lr=0.002" in training  # and not epochs, where it wants the default
    front_end = cli("show", "front_end").out
    assert "none, relation, all" in row(front_end, "trainable") and "widen=64, narrow=256" in front_end
    assert "16" in row(cli("show", "sampling").out, "frames")
    assert "fail, skip" in row(cli("show", "data").out, "on_bad_clip")
    rest = cli("show", "run").out
    assert ">= 0" in row(rest, "seed") and "--set OPTION=VALUE" in rest and "weight_decay" not in rest
    one = cli("show", "training", "lr").out
    assert row(one, "lr") and "passes over the training part" not in one


def test_show_alone_lists_what_can_be_shown(cli):
    shown = cli("show").out
    for first in (
        "fusion",
        "relation",
        "backbone",
        "dataset",
        "data",
        "sampling",
        "front_end",
        "training",
        "run",
    ):
        assert row(shown, first)
    assert "arpg" in row(shown, "fusion")
    assert cli("show", "dataset").out == cli("list", "dataset").out
    said = cli("show", "--help").out
    assert "data, sampling, front_end, training, run" in said and "fusionbench show training" in said


def test_plugins_are_all_on(cli):
    ended = cli("plugins")
    assert ended.code == 0 and " off " not in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["list", "fusions"],
            "no kind 'fusions'. Did you mean 'fusion'? Kinds: fusion, relation, backbone, dataset, importer, "
            "aligner.",
        ),
        (["show", "fusion", "temmma"], "Did you mean 'temma'?"),
        (["show", "head", "arpg"], "nothing called 'head' to show."),
        (["show", "trainings"], "Did you mean 'training'? Kinds: fusion, relation, backbone, dataset"),
        (["show", "training", "rl"], "training has no option 'rl'. Did you mean 'lr'? Options: epochs,"),
    ],
)
def test_wrong_names_end_with_2(cli, arguments, message):
    ended = cli(*arguments)
    assert ended.code == 2 and message in ended.err


def test_presets_of_whole_front_ends_are_listed_with_what_they_stand_for(cli):
    listed = cli("list").out
    assert "--backbone expression_net --relation mesh_gat --set front_end.trainable=relation" in listed
