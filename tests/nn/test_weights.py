"""Released files are read as they come, and loaded whole or not at all."""

import argparse
import datetime
import os
import pathlib
import pickle
from collections import OrderedDict, defaultdict

import numpy as np
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

    def save(content, name="released.pth", *, zipped=True):
        torch.save(content, tmp_path / name, _use_new_zipfile_serialization=zipped)
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pth", None, "weights not found: no file at"),
        ("weights.onnx", b"?", r"unknown kind of file '\.onnx'.*\.safetensors"),
        ("cut.safetensors", b"short", "SafetensorError"),
        ("empty.safetensors", b"", "SafetensorError"),
        ("huge.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "SafetensorError"),
        ("cut.pth", b"", "an empty file"),
        ("page.pth", b"<html>404</html>", "not a file that torch.save wrote"),
        ("other.pt", pickle.dumps({"w": [1.0]}), "not a file that torch.save wrote"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(fb.UserError, match=message) as caught:
        fb.read_weights(tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path, suffix):
    (tmp_path / f"folder{suffix}").mkdir()
    os.mkfifo(tmp_path / f"pipe{suffix}")
    with pytest.raises(fb.UserError, match="it is a folder, not a file"):
        fb.read_weights(tmp_path / f"folder{suffix}")
    with pytest.raises(fb.UserError, match="it is a named pipe, not a file"):
        fb.read_weights(tmp_path / f"pipe{suffix}")


def test_a_checkpoint_without_a_network_names_what_it_holds(released):
    _, save = released
    with pytest.raises(fb.UserError, match="only epoch, best"):
        fb.read_weights(save({"epoch": 7, "best": 0.5}))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "beside",
    [
        {"args": argparse.Namespace(lr=1e-3, out=pathlib.Path("/x")), "epoch": 9},
        {"best": np.float64(61.0), "log": np.arange(4.0), "names": np.array(["a", "b"])},
        {"best": torch.tensor(61.0), "rng": torch.get_rng_state(), "when": datetime.datetime(2024, 1, 2)},
        {
            "hyper": defaultdict(list, a=[1]),
            "device": torch.device("cpu"),
            "kind": torch.float16,
            "s": {1, 2},
        },
    ],
    ids=["options", "numpy", "tensors", "containers"],
)
def test_what_a_training_script_saves_beside_the_network_is_passed_over(released, zipped, beside):
    weights, save = released
    parameter = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    content = {**beside, "optimizer": optimizer.state_dict(), "state_dict": weights}
    read = fb.read_weights(save(content, zipped=zipped))
    assert set(read) == set(weights) and all(torch.equal(read[key], weights[key]) for key in weights)


@pytest.mark.parametrize("around", [lambda w: {"ema": w, "epoch": 3}, lambda w: [w, {"epoch": 1}]])
def test_the_only_state_dict_is_found_wherever_it_lies(released, around):
    weights, save = released
    assert set(fb.read_weights(save(around(weights)))) == set(weights)


def test_of_several_state_dicts_none_is_guessed(released):
    weights, save = released
    with pytest.raises(fb.UserError, match=r"several state dicts: student, teacher\.net"):
        fb.read_weights(save({"student": weights, "teacher": {"net": dict(weights)}}))


def test_a_checkpoint_that_holds_itself_ends(released):
    _, save = released
    content: dict = {"epoch": 3}
    content["state_dict"] = content
    with pytest.raises(fb.UserError, match="no state dict found in it, only epoch, state_dict"):
        fb.read_weights(save(content))


def test_views_and_shared_tensors_keep_their_values(released):
    _, save = released
    base = torch.arange(12.0).view(3, 4)
    read = fb.read_weights(save({"a": base.t(), "b": base[1:, 2], "c": base}))
    assert torch.equal(read["a"], base.t()) and torch.equal(read["b"], base[1:, 2])
    assert read["a"].data_ptr() == read["c"].data_ptr()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.eye(3).to_sparse(), "it holds sparse tensors"),
        (lambda: torch.eye(3).to_sparse_csr(), "it holds sparse tensors"),
        (lambda: torch.empty(3, device="meta"), r"tensors without values \(meta\)"),
        (lambda: torch.zeros(3, dtype=torch.complex64), "w holds complex numbers"),
        (lambda: torch.zeros(1).expand(10**5, 10**6), "w claims to be .*far more than the file holds"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_tensors_that_are_no_plain_numbers_are_named(released, make, message):
    _, save = released
    with pytest.raises(fb.UserError, match=message):
        fb.read_weights(save({"w": make()}))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantised_tensors_are_named(released):
    _, save = released
    quantised = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    with pytest.raises(fb.UserError, match="it holds quantised tensors"):
        fb.read_weights(save({"w": quantised}))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_widths_of_floats_are_cast_and_keep_their_values(released, kind):
    weights, save = released
    cast = {key: value.to(kind) if value.is_floating_point() else value for key, value in weights.items()}
    module = network()
    fb.load_weights(module, save(cast))
    assert module.stem.weight.dtype == torch.float32
    assert torch.equal(module.stem.weight, cast["stem.weight"].float())


def test_integers_are_no_weights(released):
    """Raw integers of a quantised network would be cast without a word."""
    weights, save = released
    weights["out.weight"] = torch.ones(2, 4, dtype=torch.int8)
    with pytest.raises(fb.UserError, match=r"1 of another kind of number: out\.weight torch\.int8 for"):
        fb.load_weights(network(), save(weights))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_of_a_diverged_training_are_refused_by_name(released, value):
    weights, save = released
    weights["out.weight"] = torch.full((2, 4), value, dtype=torch.float64)
    module = network()
    before = module.stem.weight.clone()
    with pytest.raises(fb.UserError, match=r"1 of \d+ entries hold NaN or infinite values: out\.weight"):
        fb.load_weights(module, save(weights))
    assert torch.equal(module.stem.weight, before)


def test_an_infinite_mask_among_the_buffers_is_none(released):
    weights, save = released
    weights["norm.running_var"] = torch.full((4,), float("inf"))
    fb.load_weights(network(), save(weights))


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
