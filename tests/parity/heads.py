"""Heads without public code, against PyG compositions and numpy specifications.

The fixture's names of weights are mapped to ours, then it runs through the very code the
head runs in training.
"""

from __future__ import annotations

from typing import Any

import torch
from fusionbench_fusions.arpg import ARPG
from fusionbench_fusions.concat import Concat
from fusionbench_fusions.multi_attention import MultiAttention
from torch import Tensor

import fusionbench as fb
from tests.parity.fixture import Fixture

Pairs = dict[str, tuple[Tensor, Tensor]]


def build(head: type[fb.FusionHead], spec: fb.StreamSpec, dtype: torch.dtype, **options: Any) -> Any:
    """The head in evaluation mode, as a run would build it."""
    config = head.Config(**options)
    assert head.supports(spec, config) is None
    return head(spec, config).to(dtype).eval()


def two_streams(fixture: Fixture, dtype: torch.dtype) -> fb.Streams:
    """The stored ``in.appearance`` and ``in.relation``."""
    stored = fixture.tensors(dtype, "in.")
    return fb.Streams({name: stored[name] for name in ("appearance", "relation")})


def arpg(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Parallel graph fusion composed from PyG layers."""
    config, stored, streams = fixture.config, fixture.tensors(dtype), two_streams(fixture, dtype)
    options = {key: config[key] for key in ("heads", "layers", "hidden")}
    head = build(ARPG, streams.spec(config["classes"]), dtype, trs=config["TRS"], **options)
    names = {"mlp.0.": "classify.hidden.", "mlp.2.": "classify.out."}
    names |= {f"gat{i}.": f"layers.{i}." for i in range(config["layers"])}
    head.load_state_dict(renamed(fixture.tensors(dtype, "sd."), names))
    fused = head.fuse(streams)
    positions = fb.sinusoid(config["T"], config["C"], like=fused)
    return {
        "positions": (positions, stored["mid.pe"]),
        "fused": (fused, stored["mid.fused"]),
        "pooled": (fb.masked_mean(fused, streams.mask), stored["mid.pooled"]),
        "logits": (head(streams), stored["out.logits"]),
    }


def renamed(weights: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """The weights with the first matching start of each key replaced."""
    result = {}
    for key, value in weights.items():
        start = next((old for old in names if key.startswith(old)), "")
        result[names.get(start, "") + key.removeprefix(start)] = value
    return result


def multi_attention(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Both attentions, from this project's numpy specification."""
    config, stored, streams = fixture.config, fixture.tensors(dtype), two_streams(fixture, dtype)
    options = {key: config[key] for key in ("hidden", "combine")}
    head = build(MultiAttention, streams.spec(config["classes"]), dtype, **options)
    theirs = fixture.tensors(dtype, "sd.")
    ours = {"classify.out.weight": theirs["cls.W"], "classify.out.bias": theirs["cls.b"]}
    for score, v, name in (("intra.0", "v", "intra_a"), ("intra.1", "v", "intra_r"), ("inter", "u", "inter")):
        ours |= {f"{score}.W.weight": theirs[f"{name}.W"], f"{score}.W.bias": theirs[f"{name}.b"]}
        ours[f"{score}.v.weight"] = theirs[f"{name}.{v}"].unsqueeze(0)
    head.load_state_dict(ours)
    fused, alpha, beta = head.fuse(streams)
    return {
        "alpha": (alpha, stored["mid.alpha"]),
        "beta": (beta, stored["mid.beta"]),
        "fused": (fused, stored["mid.fused"]),
        "logits": (head(streams), stored["out.logits"]),
    }


def concat_and_late(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Concatenation and late fusion with linear classifiers."""
    stored, streams = fixture.tensors(dtype), two_streams(fixture, dtype)
    theirs = fixture.tensors(dtype, "sd.")
    head = build(Concat, streams.spec(len(theirs["concat.b"])), dtype, classifier="linear")
    head.load_state_dict({"classify.out.weight": theirs["concat.W"], "classify.out.bias": theirs["concat.b"]})
    return {"concat": (head(streams), stored["out.concat_logits"])}


CHECKS = {
    "arp_fusion": arpg,
    "multi_attention": multi_attention,
    "concat_and_late": concat_and_late,
}
