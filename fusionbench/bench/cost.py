"""What a head, or a whole model from frames to logits, costs in parameters and milliseconds a clip."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fusionbench.bench.build import build_head, check_device, count_parameters
from fusionbench.bench.flops import flops_of, flops_per_clip
from fusionbench.bench.front_end import build_front_end
from fusionbench.catalog.run_config import Chosen, RunConfig
from fusionbench.contract.errors import UserError
from fusionbench.contract.roles import beside_maps
from fusionbench.contract.samples import logits_of
from fusionbench.contract.types import POINTS, FrameFeatures, Streams
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.front_end import APPEARANCE, RELATION, Model

REPEATS = 9


def measure_cost(chosen: Chosen, model: Model, loader: ClipLoader, device: str) -> dict[str, float]:
    """``params`` (trained), ``head_params``, ``ms_per_clip`` and ``flops`` (of the head, a clip).

    Time is the median of several forward passes over one batch in eval mode. The front end is left
    out, because it is the same for every head.
    """
    model.eval()
    batch = next(iter(loader)).to(device)
    with torch.inference_mode():
        streams = model.front_end(batch)
        milliseconds = _time(lambda: logits_of(model.head, streams), device, REPEATS)
    return {
        "params": count_parameters(model),
        "head_params": count_parameters(model.head),
        "ms_per_clip": milliseconds / len(batch.ids),
        "flops": flops_per_clip(chosen, model.spec, streams),
    }


@dataclass(frozen=True)
class Part:
    """One stage of a whole model."""

    name: str
    params: int
    ms_per_clip: float
    flops: float
    """a clip"""


def cost_of_model(config: RunConfig, repeats: int = 3, threads: int | None = None) -> list[Part]:
    """Time one clip from frames to logits, stage by stage; random pixels do, no data are needed.

    Products are counted on one frame, since the front end never mixes them.

    Args:
        config: the model.
        repeats: passes that the time is the median of.
        threads: of torch; None: as the config says.

    Raises:
        UserError: the dataset brings streams, so there is no front end to time.
        NotSupported: the parts do not fit each other.
    """
    device, frames = config.options.device, config.options.sampling.frames or 16
    check_device(device)
    torch.set_num_threads(threads or config.options.threads)
    if config.backbone is None:
        raise UserError(f"dataset {config.dataset.name!r} brings its streams; there is no front end to time.")
    backbone, relation = build_front_end(config.backbone, config.relation, ("landmarks", "points"))
    backbone.to(device).eval()
    size = config.backbone.cls.input_size(config.backbone.options)
    pixels = torch.rand(frames, 3, size, size, device=device)
    with torch.inference_mode():
        features: FrameFeatures = backbone(pixels)
        flops = frames * flops_of(lambda: backbone(pixels[:1]))
        name = f"backbone {config.backbone.name}"
        parts = [_part(name, backbone, lambda: backbone(pixels), flops, device, repeats)]
        streams = {APPEARANCE: features.embedding.unsqueeze(0)}
        if relation is not None and config.relation is not None:
            encode = relation.to(device).eval()
            marks = torch.rand(frames, 68, 2, device=device), torch.rand(frames, *POINTS, device=device)
            given = beside_maps(encode, *marks)
            one = beside_maps(encode, *(mark[:1] for mark in marks))
            streams[RELATION] = encode(features.map, *given).unsqueeze(0)
            flops = frames * flops_of(lambda: encode(features.map[:1], *one))
            name = f"relation {config.relation.name}"
            parts.append(_part(name, encode, lambda: encode(features.map, *given), flops, device, repeats))
        seen = Streams(streams)
        spec = seen.spec(len(config.dataset.cls.classes))
        head, name = build_head(config.fusion, spec, device).eval(), f"fusion {config.fusion.name}"
        flops = flops_per_clip(config.fusion, spec, seen)
        parts.append(_part(name, head, lambda: head(seen), flops, device, repeats))
    return parts


def _part(
    name: str, module: torch.nn.Module, run: Callable[[], object], flops: float, device: str, repeats: int
) -> Part:
    params = sum(p.numel() for p in module.parameters())
    return Part(name, params, _time(run, device, repeats), flops)


def _time(run: Callable[[], object], device: str, repeats: int) -> float:
    """Median milliseconds of a call."""
    return 1000 * statistics.median(seconds_of(run, device) for _ in range(repeats))


def seconds_of(run: Callable[[], object], device: str) -> float:
    """Wall time of one call, until the device has done it."""
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
