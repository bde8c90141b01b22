"""TEMMA against its authors' code: embedding, blocks, encoder and per-frame output."""

from __future__ import annotations

import re
from typing import Any

import torch
from einops import rearrange
from fusionbench_fusions.temma import TEMMA
from torch import Tensor

import fusionbench as fb
from tests.parity.fixture import Fixture
from tests.parity.heads import build

Pairs = dict[str, tuple[Tensor, Tensor]]

PER_STREAM = (
    # the authors' key, with the stream's number as {s}; the name of our stacked weight
    (r"temma\.layers\.(\d+)\.mm_atten\.mm_linears\.(?P<s>\d+)\.(?P<m>[0-3])\.(\w+)", r"blocks.\1.mma.{m}.\4"),
    (r"temma\.layers\.(\d+)\.mt_atten\.(?P<s>\d+)\.linears\.(?P<m>[0-3])\.(\w+)", r"blocks.\1.tma.{m}.\4"),
    (r"temma\.layers\.(\d+)\.feed_forward\.(?P<s>\d+)\.w_1\.(\w+)", r"blocks.\1.wide.\3"),
    (r"temma\.layers\.(\d+)\.feed_forward\.(?P<s>\d+)\.w_2\.(\w+)", r"blocks.\1.narrow.\3"),
    (r"temma\.layers\.(\d+)\.sublayer\.0\.norm\.(?P<s>\d+)\.(\w)_2", r"blocks.\1.norms.0.\3"),
    (r"temma\.layers\.(\d+)\.sublayer\.([12])\.(?P<s>\d+)\.norm\.(\w)_2", r"blocks.\1.norms.\2.\4"),
    (r"temma\.norm\.(?P<s>\d+)\.(\w)_2", r"norm.\2"),
)


def our_weights(theirs: dict[str, Tensor], head: TEMMA) -> dict[str, Tensor]:
    """The authors' names to ours; what they keep stream by stream we keep in one tensor."""
    shapes = {key: value.shape for key, value in head.state_dict().items()}
    ours: dict[str, Tensor] = {}
    by_stream: dict[str, dict[int, Tensor]] = {}
    for key, value in theirs.items():
        for pattern, name in PER_STREAM:
            if found := re.fullmatch(pattern, key):
                maps = found.groupdict().get("m")
                target = found.expand(name).replace("{m}", "qkvo"[int(maps)] if maps else "")
                target = target.replace("ma.o.", "ma.out.")
                by_stream.setdefault(target, {})[int(found["s"])] = value
                break
        else:
            if ".net." not in key:  # the same convolutions, listed a second time
                ours[other_name(key)] = value
    for key, values in by_stream.items():
        ours[key] = torch.stack([values[s] for s in range(len(values))]).view(shapes[key])
    return {key: value.view(shapes[key]) for key, value in ours.items()}


def other_name(key: str) -> str:
    """Names of the embedding and the output layers."""
    key = re.sub(r"input\.(\d+)\.Embeddings\.lut\.(network\.)?", r"embedding.\1.", key)
    return key.replace("downsample", "skip").replace("regress.", "classify.")


def head_for(config: dict[str, Any], dtype: torch.dtype) -> TEMMA:
    """The head with the sizes of the authors' options."""
    names = [f"stream {s}" for s in range(config["modal_num"])]
    spec = fb.StreamSpec(dict.fromkeys(names, config["feat"]), config["ntarget"], config["T"])
    sizes = {"dim": "d_model", "heads": "h", "stream_heads": "h_mma", "ffn": "d_ff", "blocks": "block_num"}
    sizes |= {"embed": "embed", "levels": "levels", "kernel": "ksize"}
    options = {ours: config[theirs] for ours, theirs in sizes.items()}
    windows = {
        ours: tuple(map(int, config[theirs].split(",")))
        for ours, theirs in (("past", "mask_a_length"), ("future", "mask_b_length"))
    }
    return build(TEMMA, spec, dtype, **options, **windows)


def temma(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """The whole model, with what the authors' code had in between."""
    config, stored = fixture.config, fixture.tensors(dtype)
    head = head_for(config, dtype)
    head.load_state_dict(our_weights(fixture.tensors(dtype, "sd."), head))
    x = stored["in.x"].chunk(config["modal_num"], dim=-1)
    streams = fb.Streams(dict(zip(head.names, x, strict=True)))
    embedded, band = head.embed(streams), head.band(config["T"])
    first = head.blocks[0]
    mixed, encoded = first.mma.across_streams(first.norms[0](embedded)), head.encode(streams)
    return {
        "band": (band, stored["in.mask"].bool()),
        "embedding": (side_by_side(embedded), stored["mid.encoder_in"]),
        "streams mixed": (side_by_side(mixed), stored["mid.block0_mma_out"]),
        "block": (side_by_side(first(embedded, band.unsqueeze(1))), stored["mid.block0_out"]),
        "encoder": (encoded, stored["mid.encoder_out"]),
        "output": (head.classify(encoded), stored["out.regress"]),
    }


def side_by_side(x: Tensor) -> Tensor:
    """Streams concatenated channel-wise, as the authors keep them."""
    return rearrange(x, "s b t d -> b t (s d)")


def positions(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """The sinusoid with base 1000."""
    stored = fixture.tensors(dtype)["out.pe"]
    base = TEMMA.Config().position_base
    ours = fb.sinusoid(fixture.config["rows"], fixture.config["d_model"], base, like=stored)
    return {"positions": (ours, stored)}


def default_keys(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Every weight of the authors' default model has its place in ours, and none of ours is left over."""
    shapes = {key: shape for key, shape in fixture.json() if not key.endswith(".pe")}
    theirs = {key: torch.zeros(shape, dtype=dtype) for key, shape in shapes.items()}
    feat = shapes["input.0.Embeddings.lut.network.0.conv1.weight_v"][1]
    streams = len({key.split(".")[1] for key in shapes if key.startswith("input.")})
    targets = shapes["regress.2.bias"][0]
    spec = fb.StreamSpec({f"stream {s}": feat for s in range(streams)}, targets, 16)
    head = build(TEMMA, spec, dtype)
    head.load_state_dict(our_weights(theirs, head))
    ours = sum(weight.numel() for weight in head.parameters())
    listed_twice = sum(weight.numel() for key, weight in theirs.items() if ".net." in key)
    total = sum(weight.numel() for weight in theirs.values())
    return {"parameters": (torch.tensor(ours), torch.tensor(total - listed_twice))}


CHECKS = {"temma_": temma, "temma_positional_table": positions, "temma_official_default_keys": default_keys}
