"""Heads without public code, against PyG compositions and numpy specifications.

The fixture's names of weights are mapped to ours, then it runs through the very code the
head runs in training.
"""

from __future__ import annotations

from typing import Any

import torch
from fusionbench_fusions.arpg import ARPG
from fusionbench_fusions.concat import Concat
from fusionbench_fusions.est import EST
from fusionbench_fusions.former_dfer import FormerDFER
from fusionbench_fusions.late import Late
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
    """Concatenation and late fusion with linear classifiers, from this project's numpy specification."""
    stored, streams = fixture.tensors(dtype), two_streams(fixture, dtype)
    theirs = fixture.tensors(dtype, "sd.")
    spec, w = streams.spec(len(theirs["concat.b"])), fixture.config["weight_appearance"]
    concat = build(Concat, spec, dtype, classifier="linear")
    concat.load_state_dict(
        {"classify.out.weight": theirs["concat.W"], "classify.out.bias": theirs["concat.b"]}
    )
    late = build(Late, spec, dtype, weights=(w, 1 - w))
    late.load_state_dict(
        {f"classify.{i}.weight": theirs[f"late.W{s}"] for i, s in enumerate("ar")}
        | {f"classify.{i}.bias": theirs[f"late.b{s}"] for i, s in enumerate("ar")}
        | {"log_weights": late.log_weights}
    )
    return {
        "concat": (concat(streams), stored["out.concat_logits"]),
        "late": (late(streams).softmax(dim=-1), stored["out.late_probs"]),
    }


def est(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """EST's head on per-frame features: snippets, transformer, both classifiers."""
    config, stored = fixture.config, fixture.tensors(dtype)
    sizes = {"snippets": "clips", "frames": "frames", "dim": "d", "heads": "heads", "layers": "enc"}
    sizes |= {"ffn": "ffn", "orders": "perm_classes"}
    spec = fb.StreamSpec({"cnn": config["d"]}, config["classes"], config["clips"] * config["frames"])
    head = build(EST, spec, dtype, **{ours: config[theirs] for ours, theirs in sizes.items()})
    names = {"attn.": "snippet.attn.", "norm1.": "snippet.norm.", "query_embed.weight": "query"}
    names |= {
        "per_branch.classifier.": "order.",
        "classifier.5.0.": "classify.5.",
        "classifier.": "classify.",
    }
    filled = fixture.filled(fixture.entry["keys"], dtype)
    head.load_state_dict(renamed({k: v for k, v in filled.items() if "pos_enc" not in k}, names))
    (frames,) = fixture.declared_inputs(dtype).values()
    snippets, order = head.describe(frames), stored["in.per"]
    feature = head.read(snippets, order)
    return {
        "snippets": (head.placed(snippets, order), stored["mid.snippets_plus_pe"]),
        "query": (feature.unsqueeze(0), stored["mid.decoder"]),
        "logits": (head.classify(feature), stored["out.logits"]),
        "order": (head.order_logits(snippets, feature), stored["out.permutation_logits"]),
    }


def former_dfer(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """The temporal transformer; the spatial one before it is a backbone, not part of a head."""
    shapes = dict(fixture.entry["keys_temporal"])
    first, head_dim = "spatial_transformer.layers.0.", FormerDFER.Config().head_dim
    time, dim = shapes["pos_embedding"][1] - 1, shapes["pos_embedding"][2]
    options = {
        "dim": dim,
        "layers": 1 + max(int(key.split(".")[2]) for key in shapes if key.startswith("spatial_transformer")),
        "heads": shapes[f"{first}0.fn.fn.to_qkv.weight"][0] // 3 // head_dim,
        "ffn": shapes[f"{first}1.fn.fn.net.0.bias"][0],
    }
    head = build(FormerDFER, fb.StreamSpec({"cnn": dim}, 7, time), dtype, **options)
    filled = fixture.filled(shapes.items(), dtype, gain=fixture.entry["fill"]["gain"]["temporal"])
    names = {"pos_embedding": "positions"}
    for i in range(options["layers"]):
        theirs, ours = f"spatial_transformer.layers.{i}.", f"layers.{i}."
        names |= {f"{theirs}0.fn.norm.": f"{ours}norm1.", f"{theirs}0.fn.fn.to_qkv.": f"{ours}qkv."}
        names |= {f"{theirs}0.fn.fn.to_out.0.": f"{ours}out.", f"{theirs}1.fn.norm.": f"{ours}norm2."}
        names |= {f"{theirs}1.fn.fn.net.0.": f"{ours}fc1.", f"{theirs}1.fn.fn.net.3.": f"{ours}fc2."}
    classifier = {f"classify.{key}": value for key, value in head.classify.state_dict().items()}
    head.load_state_dict(renamed(filled, names) | classifier)
    x = next(x for x in fixture.declared_inputs(dtype).values() if x.dim() == 3)
    real = torch.ones(x.shape[:2], dtype=torch.bool)
    return {"class token": (head.encode(x, real), fixture.tensors(dtype)["out.temporal"])}


CHECKS = {
    "arp_fusion": arpg,
    "multi_attention": multi_attention,
    "concat_and_late": concat_and_late,
    "est_head": est,
    "former_dfer": former_dfer,
}
