"""The tiny front end is small, ships with weights, and they tell action units of people never seen."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fusionbench_backbones.tiny import SHIPPED as TRUNK_WEIGHTS, Tiny
from fusionbench_relations.region_gat import SHIPPED as RELATION_WEIGHTS, RegionGAT
from safetensors import safe_open

import fusionbench as fb
from fusionbench.standin.action_units import COLUMN
from fusionbench.standin.clips import practice

BACKBONES, RELATIONS = Tiny.Config(), RegionGAT.Config()


def random_tiny() -> Tiny:
    torch.manual_seed(0)
    return Tiny(Tiny.Config(weights=None)).eval()


def test_shapes():
    backbone = random_tiny()
    features = backbone(torch.rand(5, 3, 96, 96))
    assert Tiny.input_size(backbone.config) == 96
    assert features.embedding.shape == (5, backbone.dim) == (5, 128)
    assert features.map.shape == (5, *backbone.map_shape) == (5, 64, 12, 12)


def test_size():
    """By hand: 3-16-32-64-64 | 64-96 convolutions of 3 x 3, their BNs, 864 x 128 + 128, its BN."""
    convolutions = 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 64 + 64 * 64 + 64 * 96)
    norms = 2 * (16 + 32 + 64 + 64 + 64 + 96 + 128)
    linear = 864 * 128 + 128
    assert sum(p.numel() for p in random_tiny().parameters()) == convolutions + norms + linear == 264_144


def test_frames_do_not_mix():
    backbone = random_tiny()
    frames = torch.rand(4, 3, 96, 96)
    together, alone = backbone(frames), backbone(frames[2:3])
    torch.testing.assert_close(together.embedding[2:3], alone.embedding)
    torch.testing.assert_close(together.map[2:3], alone.map)


def test_light_and_contrast_change_nothing():
    backbone = random_tiny()
    frames = torch.rand(2, 3, 96, 96) * 0.5
    brighter = frames * torch.tensor([1.5, 1.2, 0.9]).view(3, 1, 1) + 0.1
    torch.testing.assert_close(backbone(brighter).embedding, backbone(frames).embedding, atol=2e-3, rtol=0)


def test_where_weights_come_from(tmp_path):
    assert Tiny.weights(BACKBONES) == TRUNK_WEIGHTS
    assert Tiny.weights(Tiny.Config(weights=None)) is None
    assert Tiny.weights(Tiny.Config(weights=tmp_path / "mine.safetensors")) == tmp_path / "mine.safetensors"
    assert RegionGAT.weights(RELATIONS) == RELATION_WEIGHTS
    assert RegionGAT.weights(RegionGAT.Config(weights=None)) is None


def test_shipped_relation_weights_are_for_the_options_they_were_learnt_with():
    for other in ({"patches": 12}, {"width": 512}, {"heads": 1}, {"bias": False}):
        assert RegionGAT.weights(RegionGAT.Config(**other)) is None


def test_shipped_relation_weights_are_for_maps_of_tiny():
    ir_50 = (256, 12, 12)
    assert "of backbone tiny" in str(RegionGAT.supports(ir_50, RELATIONS, landmarks=False))
    with pytest.raises(fb.NotSupported, match=r"relation\.weights=null"):
        RegionGAT(ir_50, RELATIONS)
    assert RegionGAT.supports(ir_50, RegionGAT.Config(weights=None), landmarks=False) is None


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(fb.UserError, match="weights not found"):
        Tiny(Tiny.Config(weights=tmp_path / "absent.safetensors"))


def test_shipped_weights_are_all_of_the_network_and_get_the_small_learning_rate():
    backbone = Tiny(BACKBONES)
    relation = RegionGAT(backbone.map_shape, RELATIONS)
    for module in (backbone, relation):
        assert {id(p) for p in module.pretrained()} == {id(p) for p in module.parameters()}
    assert not random_tiny().pretrained()
    assert Tiny.trained_on == "drawings"


def test_shipped_files_are_small_and_say_where_they_come_from():
    assert TRUNK_WEIGHTS.stat().st_size + RELATION_WEIGHTS.stat().st_size < 2_000_000
    for path in (TRUNK_WEIGHTS, RELATION_WEIGHTS):
        with safe_open(path, "pt") as file:
            assert file.metadata() == {"learnt": "action units of drawn faces, seed 0"}


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["appearance", "relation"])
def test_a_linear_reading_tells_smiles_and_jaws_of_strangers(stream):
    """People numbered far beyond those of the pre-training; trained on 30, judged on 15."""
    backbone = Tiny(BACKBONES).eval()
    relation = RegionGAT(backbone.map_shape, RELATIONS).eval()
    features, units = [], []
    for person in range(10_000, 10_045):
        shot = practice(person, 16, seed=0)
        with torch.no_grad():
            seen = backbone(torch.from_numpy(shot.frames).permute(0, 3, 1, 2).float() / 255)
            features.append(seen.embedding if stream == "appearance" else relation(seen.map))
        units.append(shot.units.mean(axis=2))
    x, y = torch.cat(features).double().numpy(), np.concatenate(units)
    x = np.c_[x - x.mean(0), np.ones(len(x))]
    first = 30 * 16
    weights = np.linalg.solve(x[:first].T @ x[:first] + np.eye(x.shape[1]), x[:first].T @ y[:first])
    told, true = x[first:] @ weights, y[first:]
    for unit in (12, 26):
        column = COLUMN[unit]
        assert np.corrcoef(told[:, column], true[:, column])[0, 1] > 0.6


def test_weights_lie_beside_their_plugins():
    assert Path(TRUNK_WEIGHTS).name == "tiny.safetensors"
    assert Path(RELATION_WEIGHTS).name == "region_gat.safetensors"
