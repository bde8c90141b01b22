"""Resolution: later layers win, every value knows its origin, every mistake is told where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, parse_assignment, resolve
from fusionbench.contract.errors import UserError


def ask(values=None, file: Path | None = None, registry: Path | None = None):
    values = {"fusion": "arpg", "dataset": "afew", **(values or {})}
    return resolve(Request(values, dict.fromkeys(values, "--set"), file, registry), collect())


def refused(message: str, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        ask(**kwargs)
    assert message in str(caught.value)
    return str(caught.value)


def test_defaults_then_preset_then_file_then_command_line(tmp_path):
    registry = tmp_path / "presets.yaml"
    registry.write_text("fusion:\n  wide: {plugin: arpg, options: {trs: 1, heads: 2, layers: 2}}\n")
    file = tmp_path / "run.yaml"
    file.write_text("fusion: {name: wide, trs: 5, heads: 3}\nseed: 4\n")
    config = resolve(
        Request({"dataset": "afew", "fusion.trs": 7}, {"fusion.trs": "--set"}, file, registry), collect()
    )
    options = config.fusion.options
    assert (options.trs, options.heads, options.layers, options.dropout) == (7, 3, 2, 0.25)
    assert config.fusion.name == "wide" and config.fusion.plugin == "arpg" and config.options.seed == 4
    assert config.origins["fusion.trs"] == "--set"
    assert config.origins["fusion.heads"] == f"{file}, line 1"
    assert config.origins["fusion.layers"] == f"{registry}, line 2"
    assert config.origins["fusion.dropout"] == "default"
    assert config.origins["seed"] == f"{file}, line 2"


def test_the_protocol_of_the_dataset_sets_the_sampling():
    config = ask()
    assert config.options.sampling.frames == 16
    assert config.origins["sampling.frames"] == "protocol of dataset afew"


def test_shipped_preset_is_named_like_a_plugin():
    assert ask({"fusion": "arpg-no-scope"}).fusion.options.trs is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fusion": "agpr"}, "no fusion head named 'agpr'. Did you mean 'arpg'? Installed: "),
        ({"dataset": "afev"}, "no dataset named 'afev'. Did you mean 'afew'?"),
        (
            {"fusion.head": 2},
            "fusion 'arpg': unknown option 'head' (--set). Did you mean 'heads'? Options: trs, ",
        ),
        (
            {"fusion.heads": "many"},
            "fusion 'arpg': option heads = 'many' (--set): input should be a valid integer",
        ),
        (
            {"fusion.heads": 0},
            "fusion 'arpg': option heads = 0 (--set): input should be greater than or equal to 1",
        ),
        (
            {"training.epochs": 0},
            "run: option training.epochs = 0 (--set): input should be greater than or equal to 1",
        ),
        (
            {"training.epoch": 3},
            "run: unknown option 'epoch' (--set). Did you mean 'epochs'? Options of training: ",
        ),
        ({"front_end.trainable": "some"}, "input should be 'none', 'relation' or 'all'"),
        ({"fusion": {"name": "arpg", "trs": {"a": 1}}}, "option trs"),
    ],
)
def test_mistakes_say_what_is_wrong_and_what_is_allowed(values, message):
    refused(message, values=values)


def test_a_mistake_in_a_file_names_file_and_line(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("seed: 1\nfusion:\n  name: arpg\n  head: 2\n")
    with pytest.raises(UserError, match=rf"unknown option 'head' \({file}, line 4\)"):
        resolve(Request({"dataset": "afew"}, {}, file), collect())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fusion: {name: arpg", "line 1, is not valid YAML"),
        ("fusion: !!python/object/apply:os.system ['true']", "asks for an object"),
        ("- arpg", "expected a mapping"),
        ("seed: 1\nseed: 2\n", "line 2: 'seed' stands here a second time"),
    ],
)
def test_bad_yaml_is_refused(tmp_path, text, message):
    file = tmp_path / "run.yaml"
    file.write_text(text)
    refused(message, file=file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fusion:\n  concat: {plugin: arpg}\n", "line 2: preset 'concat' reuses the name of a plugin"),
        ("fusions:\n  x: {plugin: arpg}\n", "line 1: no kind 'fusions'. Did you mean 'fusion'?"),
        (
            "fusion:\n  x: {plugin: argp}\n",
            "line 2: preset 'x': no fusion head named 'argp'. Did you mean 'arpg'?",
        ),
        ("fusion:\n  x: arpg\n", "line 2: preset 'x' must read {plugin: NAME, options: {...}}"),
    ],
)
def test_bad_presets_are_refused(tmp_path, text, message):
    registry = tmp_path / "presets.yaml"
    registry.write_text(text)
    refused(message, registry=registry)


def test_a_missing_file_is_named(tmp_path):
    refused("none.yaml: No such file", file=tmp_path / "none.yaml")


def test_assignments_are_yaml_values():
    assert parse_assignment("fusion.trs=null") == ("fusion.trs", None)
    assert parse_assignment("training.lr=1e-3") == ("training.lr", "1e-3")
    assert ask({"training.lr": "1e-3"}).options.training.lr == 0.001
    for text in ("fusion.trs", "=3", "x=[1"):
        with pytest.raises(UserError, match="--set"):
            parse_assignment(text)


def test_a_config_is_frozen_and_flat_keys_are_what_set_takes():
    config = ask({"seed": 3})
    with pytest.raises(AttributeError):
        config.fusion = None
    flat = config.flat()
    assert flat["seed"] == 3 and flat["fusion.trs"] == 3 and flat["dataset.name"] == "afew"


# Presets of whole front ends


def test_a_front_end_chooses_backbone_encoder_and_what_learns_and_says_where_from():
    config = resolve(Request({"fusion": "arpg", "dataset": "afew", "front_end": "real"}), collect())
    assert (config.backbone.name, config.relation.name) == ("expression_net", "mesh_gat")
    assert config.options.front_end.trainable == "relation"
    assert "registry.yaml, line" in config.origins["backbone.name"]
    assert config.origins["front_end.trainable"] == config.origins["relation.name"]
    assert "front_end.name" not in config.flat()


def test_what_is_asked_for_beside_a_front_end_wins():
    asked = {
        "fusion": "arpg",
        "dataset": "afew",
        "front_end": "real",
        "backbone": "face_net",
        "relation.width": 32,
        "front_end.standardise": False,
    }
    config = resolve(Request(asked), collect())
    assert (config.backbone.name, config.relation.options.width) == ("face_net", 32)
    assert config.options.front_end.trainable == "relation" and not config.options.front_end.standardise


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset": "afew", "front_end": "reel"}, "no front end named 'reel'. Did you mean 'real'?"),
        ({"dataset": "streams", "front_end": "real"}, "brings its streams ready made; leave out --front-end"),
    ],
)
def test_a_front_end_that_cannot_be_is_refused(values, message):
    with pytest.raises(UserError, match=re.escape(message)):
        resolve(Request({"fusion": "arpg", **values}), collect())


def test_front_ends_of_ones_own(tmp_path):
    registry = tmp_path / "mine.yaml"
    registry.write_text("front_end:\n  faces: {backbone: face_net, relation: none}\n")
    request = Request({"fusion": "concat", "dataset": "afew", "front_end": "faces"}, registry=registry)
    config = resolve(request, collect())
    assert config.backbone.name == "face_net" and config.relation is None
    registry.write_text("front_end:\n  faces: {fusion: arpg}\n")
    with pytest.raises(UserError, match=r"mine.yaml, line 2: preset 'faces' must read"):
        resolve(request, collect())
