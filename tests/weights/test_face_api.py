"""face-api's manifest and bytes as tensors, against a hand's arithmetic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fusionbench.contract.reading import Unreadable
from fusionbench.weights.face_api import tensors

FILTERS = {"name": "dense0/conv0/filters", "shape": [1, 2, 3, 2], "dtype": "float32"}
PACKED = {**FILTERS, "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}}


def manifest(*entries: dict) -> bytes:
    return json.dumps([{"paths": ["x.bin"], "weights": entries}]).encode()


def test_a_quantised_value_is_q_times_scale_plus_min_and_filters_turn_from_hwio_to_oihw():
    found = tensors(manifest(PACKED), bytes(range(12)))["dense0.conv0.weight"]
    assert found.shape == (2, 3, 1, 2) and found.dtype == np.float32
    # q at row 0, column w, input i, output o is 6 w + 2 i + o
    assert found[0, 0, 0].tolist() == [-1.0, 2.0]
    assert found[1, 2, 0].tolist() == [1.5, 4.5]


def test_plain_floats_follow_one_another_and_layers_get_torchs_names():
    entries = [
        {"name": "conv/bias", "shape": [2], "dtype": "float32"},
        {"name": "a/conv1/depthwise_filter", "shape": [1, 1, 2, 1], "dtype": "float32"},
        {"name": "a/scale/weights", "shape": [2], "dtype": "float32"},
        {"name": "a/scale/biases", "shape": [2], "dtype": "float32"},
        {"name": "head/weights", "shape": [2, 3], "dtype": "float32"},
        {"name": "fc", "shape": [1, 2], "dtype": "float32"},
    ]
    values = np.arange(16, dtype="<f4")
    found = tensors(manifest(*entries), values.tobytes())
    assert found["conv.bias"].tolist() == [0, 1]
    assert found["a.conv1.depthwise.weight"].shape == (2, 1, 1, 1)
    assert found["a.scale.weight"].tolist() == [4, 5] and found["a.scale.bias"].tolist() == [6, 7]
    assert found["head.weight"].tolist() == [[8, 11], [9, 12], [10, 13]]
    assert found["fc.weight"].tolist() == [[14], [15]]


@pytest.mark.parametrize(("content", "told"), [(b"\0" * 11, "ends before dense0"), (b"\0" * 13, "13 bytes")])
def test_a_shard_of_another_length_is_refused(content, told):
    with pytest.raises(Unreadable, match=told):
        tensors(manifest(PACKED), content)
