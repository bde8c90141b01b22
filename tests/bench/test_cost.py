"""Cost: whole models are timed stage by stage without data or weights."""

from __future__ import annotations

import pytest

from fusionbench.bench.cost import cost_of_model
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve


def parts_of(**values):
    return cost_of_model(resolve(Request({"dataset": "afew", **values}), collect()), repeats=1)


def test_every_stage_has_parameters_and_time():
    parts = parts_of(fusion="arpg")
    assert [p.name for p in parts] == ["backbone tiny", "relation region_gat", "fusion arpg"]
    assert all(p.params > 0 and p.ms_per_clip > 0 and p.flops > 0 for p in parts)


def test_products_of_a_stage_are_counted_by_hand():
    trunk, head = parts_of(fusion="score_sum", **{"relation": "none", "fusion.parts": [128]})
    assert head.flops == 2 * 16 * 128 * 7, "16 frames, one layer of 128 x 7"
    sides = [(48, 3, 16), (24, 16, 32), (12, 32, 64), (12, 64, 64), (6, 64, 64), (3, 64, 96)]
    products = sum(side**2 * 9 * before * after for side, before, after in sides) + 96 * 9 * 128
    assert trunk.flops == 2 * 16 * products, "3 x 3 convolutions on 96 x 96 pixels, and a linear layer"


def test_without_a_relation_encoder_one_stream_is_left():
    assert [p.name for p in parts_of(fusion="single", relation="none")] == ["backbone tiny", "fusion single"]


@pytest.mark.slow
def test_the_five_networks_cost_what_their_papers_say():
    frames = {"sampling.frames": 1, "backbone.input_size": 64}
    trunk, head = parts_of(fusion="score_sum", backbone="five_cnns", relation="none", **frames)
    # VGG-16 twice, ResNet-50 twice, DenseNet-121: torchvision's counts without classifiers
    assert trunk.params == 2 * 134_260_544 + 2 * 23_508_032 + 6_953_856
    assert head.params == 7 * 13_312 + 5 * 7
