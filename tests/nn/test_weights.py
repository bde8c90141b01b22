"""Released files are read as they come, and loaded whole or not at all."""

from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import fusionbench as fb


def network() -> nn.Module:
    return nn.Sequential(OrderedDict(stem=nn.Conv2d(3, 4, 1), norm=nn.BatchNorm2d(4), out=nn.Linear(4, 2)))


@pytest.fixture
def released(tmp_path):
    """A state dict and a function that saves it inside whatever a script would."""
    weights = network().state_dict()

    def save(content, name="released.pth"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return weights, save


def test_safetensors_and_torch_files_read_the_same(released, tmp_path):
    weights, save = released
    save_file(weights, tmp_path / "released.safetensors")
    for path in (tmp_path / "released.safetensors", save(weights)):
        read = fb.read_weights(path)
        assert set(read) == set(weights)
        assert all(torch.equal(read[key], weights[key]) for key in weights)


@pytest.mark.parametrize("wrapper", ["state_dict", "state_dict_backbone", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.backbone."])
def test_nested_checkpoints_and_prefixes_are_recognised(released, wrapper, prefix):
    weights, save = released
    nested = {"epoch": 7, wrapper: {prefix + key: value for key, value in weights.items()}}
    assert set(fb.read_weights(save(nested))) == set(weights)


def test_a_prefix_that_only_some_keys_carry_is_part_of_the_name(released):
    _, save = released
    mixed = {"module.weight": torch.zeros(1), "weight": torch.ones(1)}
    assert set(fb.read_weights(save(mixed))) == set(mixed)


def test_a_pickled_module_is_refused_with_the_way_to_convert_it(released):
    _, save = released
    with pytest.raises(fb.UserError, match=r"pickled torch\.nn\.modules.*would run code.*state_dict\(\)"):
        fb.read_weights(save(network()))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pth", None, "no file at"),
        ("weights.onnx", b"?", r"unknown kind of file '\.onnx'.*\.safetensors"),
        ("cut.safetensors", b"short", "damaged safetensors"),
        ("cut.pth", b"", "damaged file"),
        ("page.pth", b"<html>404</html>", "not a file that torch.save wrote"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(fb.UserError, match=message):
        fb.read_weights(tmp_path / name)


def test_a_checkpoint_without_a_network_names_what_it_holds(released):
    _, save = released
    with pytest.raises(fb.UserError, match="only epoch, best"):
        fb.read_weights(save({"epoch": 7, "best": 0.5}))


def test_loading_returns_the_parameters_that_came_from_the_file(released):
    weights, save = released
    module = network()
    loaded = fb.load_weights(module, save(weights))
    assert {id(p) for p in loaded} == {id(p) for p in module.parameters()}
    assert torch.equal(module.stem.weight, weights["stem.weight"])


def test_every_key_that_does_not_fit_is_named_and_nothing_is_changed(released):
    weights, save = released
    module = network()
    before = module.stem.weight.clone()
    weights["extra.weight"] = torch.zeros(1)
    weights["out.weight"] = torch.zeros(3, 4)
    del weights["norm.bias"]
    with pytest.raises(fb.UserError) as error:
        fb.load_weights(module, save(weights))
    assert "1 missing: norm.bias" in str(error.value)
    assert "1 unexpected: extra.weight" in str(error.value)
    assert "out.weight (3, 4) for (2, 4)" in str(error.value)
    assert torch.equal(module.stem.weight, before)


def test_only_what_is_ignored_by_name_is_skipped(released):
    weights, save = released
    module = network()
    drawn = module.out.weight.clone()
    weights["logits.weight"] = torch.zeros(9, 4)
    loaded = fb.load_weights(module, save(weights), ignore=("logits.*", "out.*"))
    assert torch.equal(module.out.weight, drawn)
    assert all(p is not module.out.weight for p in loaded)


def test_old_files_without_batch_counters_load(released):
    weights, save = released
    del weights["norm.num_batches_tracked"]
    fb.load_weights(network(), save(weights))
    weights.pop("norm.running_var")
    with pytest.raises(fb.UserError, match=r"1 missing: norm\.running_var"):
        fb.load_weights(network(), save(weights))


def test_adapt_sees_the_names_of_the_network(released):
    weights, save = released
    renamed = {key.replace("out.", "fc."): value for key, value in weights.items()}

    def rename(found):
        return {key.replace("fc.", "out."): value for key, value in found.items()}

    module = network()
    fb.load_weights(module, save({"state_dict": renamed}), adapt=rename)
    assert torch.equal(module.out.weight, weights["out.weight"])
