"""MulT against its authors' code: encoder, positions, two streams (our wiring) and three."""

from __future__ import annotations

from typing import Any

import torch
from fusionbench_fusions.mult import Encoder, MulT
from torch import Tensor

import fusionbench as fb
from tests.parity.fixture import Fixture
from tests.parity.heads import build, two_streams

Pairs = dict[str, tuple[Tensor, Tensor]]

NAMES = {
    "self_attn.in_proj_": "in_proj.",
    "self_attn.out_proj": "out_proj",
    "layer_norms": "norms",
    "layer_norm": "norm",
    "out_layer": "out",
}
UNUSED = ("version", "_float_tensor")
"""buffers of the authors' encoders that hold no weight"""


def encoder(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """One encoder on sequences of equal or unequal length, with every layer's output."""
    config, stored = fixture.config, fixture.tensors(dtype)
    quirk = "zero_first_channel" in fixture.name
    options = MulT.Config(
        dim=config["embed_dim"], heads=config["num_heads"], causal=config["attn_mask"], official=quirk
    )
    ours = Encoder(config["embed_dim"], config["layers"], options).to(dtype).eval()
    ours.load_state_dict(our_weights(fixture.tensors(dtype, "sd."), {}))
    layers: list[Tensor] = []
    for layer in ours.layers:
        layer.register_forward_hook(lambda module, given, y: layers.append(y))
    x = stored["in.x"].transpose(0, 1)  # the authors' tensors are time-first
    source = stored["in.kv"].transpose(0, 1) if "in.kv" in stored else None
    keys = x if source is None else source
    allowed = MulT.allowed(real(x), real(keys), config["attn_mask"])
    pairs = {"y": (ours(x, source, allowed).transpose(0, 1), stored["out.y"])}
    for i, y in enumerate(layers):
        if f"mid.layer{i}" in stored:
            pairs[f"layer {i}"] = (y.transpose(0, 1), stored[f"mid.layer{i}"])
    return pairs


def real(x: Tensor) -> Tensor:
    """A mask that pads nothing."""
    return torch.ones(x.shape[:2], dtype=torch.bool)


def positions(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """The table of positions, row 0 being padding."""
    stored = fixture.tensors(dtype)["out.pe"]
    ours = fb.fairseq_sinusoid(fixture.config["rows"], fixture.config["embed_dim"], like=stored)
    return {"positions": (ours, stored)}


def two_stream(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Two streams: a cross-modal encoder each way, a memory encoder each."""
    config, stored, streams = fixture.config, fixture.tensors(dtype), two_streams(fixture, dtype)
    head = head_for(streams, config["d"], config["cross_layers"], config, dtype)
    prefixes = {
        "proj_a.": "project.0.",
        "proj_r.": "project.1.",
        "trans_a_with_r.": "cross.0.0.",
        "trans_r_with_a.": "cross.1.0.",
        "trans_a_mem.": "memory.0.",
        "trans_r_mem.": "memory.1.",
    }
    load(head, our_weights(fixture.tensors(dtype, "sd."), prefixes))
    x, masks = projected(head, streams)
    return {
        "appearance memory": (head.remember(0, x, masks).transpose(0, 1), stored["mid.a_mem"]),
        "relation memory": (head.remember(1, x, masks).transpose(0, 1), stored["mid.r_mem"]),
        "logits": (head(streams), stored["out.logits"]),
    }


def three_modality(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """The authors' own wiring of language, audio and vision, of unequal lengths."""
    config, stored = fixture.config, fixture.tensors(dtype)
    names, batch = "lav", len(stored["out.logits"])
    shapes = zip(config["lengths"], config["orig"], strict=True)
    x = [fixture.input(f"in.{n}", (batch, *shape), dtype) for n, shape in zip(names, shapes, strict=True)]
    spec = fb.StreamSpec(
        dict(zip(names, config["orig"], strict=True)), config["classes"], max(config["lengths"])
    )
    head = head_for(spec, config["d"], config["layers"], config, dtype)
    prefixes = {}
    for i, name in enumerate(names):
        prefixes |= {f"proj_{name}.": f"project.{i}.", f"trans_{name}_mem.": f"memory.{i}."}
        for j, other in enumerate(names.replace(name, "")):
            prefixes[f"trans_{name}_with_{other}."] = f"cross.{i}.{j}."
    load(head, our_weights(fixture.filled(fixture.entry["keys"], dtype), prefixes))
    z = head.fuse(x, [real(stream) for stream in x])
    return {"last steps": (z, stored["out.last_hs"]), "logits": (head.classify(z), stored["out.logits"])}


def head_for(
    streams: fb.Streams | fb.StreamSpec, dim: int, layers: int, config: dict[str, Any], dtype: torch.dtype
) -> MulT:
    """The head with the fixture's sizes."""
    spec = streams if isinstance(streams, fb.StreamSpec) else streams.spec(config["classes"])
    head = build(MulT, spec, dtype, dim=dim, heads=config["heads"], layers=layers, causal=config["attn_mask"])
    if len(head.memory[0].layers) != config["mem_layers"]:  # a run always takes max(layers, 3)
        width = (len(spec.dims) - 1) * dim
        deep = [Encoder(width, config["mem_layers"], head.config) for _ in spec.dims]
        head.memory = torch.nn.ModuleList(deep).to(dtype).eval()
    return head


def our_weights(theirs: dict[str, Tensor], prefixes: dict[str, str]) -> dict[str, Tensor]:
    """The authors' names to ours; their projections are convolutions one step wide."""
    ours = {}
    for key, value in theirs.items():
        if key.endswith(UNUSED):
            continue
        for old, new in (prefixes | NAMES).items():
            key = key.replace(old, new)
        ours[key] = value.squeeze(-1) if value.dim() == 3 else value
    return ours


def load(head: MulT, weights: dict[str, Tensor]) -> None:
    """Streams already d wide are not projected, though the authors' state dict has a weight for it."""
    missing, unexpected = head.load_state_dict(weights, strict=False)
    assert not missing and all(key.startswith("project.") for key in unexpected), (missing, unexpected)


def projected(head: MulT, streams: fb.Streams) -> tuple[list[Tensor], list[Tensor]]:
    """The streams at width d, and their masks."""
    x = [project(stream) for project, stream in zip(head.project, streams.values(), strict=True)]
    return x, [streams.mask] * len(x)


CHECKS = {
    "mult_encoder": encoder,
    "mult_positional_table": positions,
    "mult_two_stream": two_stream,
    "mult_official_three_modality": three_modality,
}
