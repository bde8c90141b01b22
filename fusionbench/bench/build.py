"""Builds the model of a run and shows it one batch, so that a bad shape is named before training."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from fusionbench.bench.front_end import build_front_end
from fusionbench.bench.load import Learning, Loaders
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import Chosen, FrontEndOptions, RunConfig
from fusionbench.contract.blame import blaming
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.roles import FusionHead, takes
from fusionbench.contract.samples import labels_steps
from fusionbench.contract.types import Streams, StreamSpec
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.checkpoint import tensors_of
from fusionbench.learn.front_end import (
    EndToEnd,
    FrontEnd,
    Model,
    StoredMaps,
    StoredStreams,
    stream_statistics,
)

MOST_HELD = 256 * 2**20
"""bytes of streams up to which a run keeps them in memory, standardised once and not in every batch; every
worker has its own, so it is little"""
CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIXED_WORKSPACE = ":4096:8"
"""with a workspace of fixed size cuBLAS sums in one order (NVIDIA, cuBLAS manual, section 2.1.4)"""


def seed_everything(config: RunConfig) -> None:
    """Weights, dropout and order follow from the run's seed; the digits also depend on threads and device."""
    check_device(config.options.device)
    torch.set_num_threads(config.options.threads)
    torch.manual_seed(config.options.seed)
    if config.options.device != "cpu":  # a CPU repeats its digits anyway, and this imports for seconds
        torch.use_deterministic_algorithms(True, warn_only=True)


def check_device(device: str) -> None:
    """Refuse a device that torch does not know or this machine does not have.

    cuBLAS reads its workspace once, when CUDA starts. So it is set here, where CUDA is first asked.

    Raises:
        UserError: with the devices that are there.
    """
    if device != "cpu":
        os.environ.setdefault(CUBLAS_WORKSPACE, _FIXED_WORKSPACE)
    there = ["cpu"]
    if torch.cuda.is_available():
        there += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if device not in there:
        raise UserError(f"no device {device!r} on this machine. Devices here: {', '.join(there)}.")


def build(config: RunConfig, data: RunData, loaders: Loaders | Learning) -> Model:
    """Front end and head on the run's device, tried on one training batch.

    Small streams are read into memory for all epochs: the loaders go on from there.

    Raises:
        NotSupported: head, encoder or data do not fit, with the component's own reason.
        UserError: the head raises or returns something other than logits, or holds what cannot be kept.
    """
    options = front_end_of(config)
    shapes = {name: tuple(array.shape[1:]) for name, array in data.arrays.items()}
    statistics = None
    if options.standardise and takes_streams(config.backbone, options):
        statistics = stream_statistics(data.index, data.arrays, loaders.train.clips)
    front_end = assemble_front_end(config.backbone, config.relation, options, shapes, statistics)
    device = config.options.device
    front_end.to(device)
    _hold(front_end, data, loaders)
    batch = next(iter(loaders.train)).to(device)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        streams = front_end.eval()(batch)
    spec = StreamSpec(
        {name: stream.shape[2] for name, stream in streams.items()}, data.classes, loaders.max_time
    )
    _refuse_what_solving_leaves_out(config, front_end)
    try:
        head = build_head(config.fusion, spec, device)
    except NotSupported as error:
        raise NotSupported(f"{error}{_mapped(front_end)}") from error
    _try(head, streams, data.classes)
    model = Model(front_end, head, spec)
    tensors_of(model)  # what cannot be kept is told before hours are spent on it
    return model


def _try(head: FusionHead, streams: Streams, classes: int) -> None:
    """Refuse a head that does not give the logits that are needed of it, before it is trained.

    Raises:
        NotSupported: steps have labels, and it labels whole clips.
        UserError: it raises, or returns something else.
    """
    each = streams.judged is not None
    if each and not labels_steps(type(head)):
        raise NotSupported(
            f"fusion {head.name!r} labels whole clips; with dataset.window=null every step of a clip is "
            "labelled, by heads that have each_step(). Set a window: --set dataset.window=8."
        )
    ask = "each_step" if each else "forward"
    with torch.random.fork_rng(devices=[]), torch.no_grad(), blaming(head, ask, streams):
        logits = getattr(head.eval(), ask)(streams)
    _check_logits(head, logits, (*(streams.mask.shape if each else (len(streams.mask),)), classes))


def _hold(front_end: FrontEnd, data: RunData, loaders: Loaders | Learning) -> None:
    """Let the loaders read from memory, where streams are what they read and all of them fit."""
    if isinstance(front_end, StoredStreams) and sum(a.nbytes for a in data.arrays.values()) <= MOST_HELD:
        held = front_end.standardised(data.arrays)
        for loader in vars(loaders).values():
            if isinstance(loader, ClipLoader):
                loader.hold(held)


def build_head(chosen: Chosen, spec: StreamSpec, device: str = "cpu") -> FusionHead:
    """The head, or its own reason why it cannot be built.

    Raises:
        NotSupported: it does not fit the streams.
        UserError: ``supports`` or the constructor raises.
    """
    cls, options = chosen.cls, chosen.options
    with blaming(cls, "supports", spec.dims):
        reason = cls.supports(spec, options)
    if reason:
        raise NotSupported(f"fusion {chosen.name!r} does not fit: {reason}")
    if spec.max_time < cls.min_time:
        raise NotSupported(
            f"fusion {chosen.name!r} needs clips of at least {cls.min_time} frames; "
            f"these have {spec.max_time}. Raise --set sampling.frames."
        )
    with blaming(cls, "__init__", spec.dims):
        head: FusionHead = cls(spec, options).to(device)
        return head


def front_end_of(config: RunConfig) -> FrontEndOptions:
    """The front end's options for this head: before one that is solved for no map can learn."""
    options = config.options.front_end
    return options.model_copy(update={"widen": None, "narrow": None}) if config.fusion.cls.solved else options


def takes_streams(backbone: Chosen | None, options: FrontEndOptions) -> bool:
    """Whether the front end is handed streams that are ready, and not what it makes them of."""
    return backbone is None or options.trainable == "none"


def before_model(config: RunConfig) -> dict[str, Chosen]:
    """Kind -> the components that make a model's inputs of faces and do not learn."""
    frozen = {"none": ("backbone", "relation"), "relation": ("backbone",), "all": ()}
    chosen = {"backbone": config.backbone, "relation": config.relation}
    return {kind: c for kind in frozen[config.options.front_end.trainable] if (c := chosen[kind]) is not None}


def assemble_front_end(
    backbone: Chosen | None,
    relation: Chosen | None,
    options: FrontEndOptions,
    shapes: Mapping[str, tuple[int, ...]],
    statistics: Mapping[str, tuple[Tensor, Tensor]] | None,
) -> FrontEnd:
    """The front end for arrays of these shapes.

    Args:
        backbone: None where the data bring their streams.
        relation: None for the appearance stream alone.
        options: what is trained, and the widths of stored streams.
        shapes: array name -> sizes behind (batch, time).
        statistics: as ``StoredStreams`` takes them.

    Raises:
        NotSupported: the encoder does not fit the backbone.
        UserError: there is no encoder to train.
    """
    if backbone is None or takes_streams(backbone, options):
        dims = {name: shape[0] for name, shape in shapes.items()}
        return StoredStreams(dims, statistics, options.widen, options.narrow)
    built, encoder = build_front_end(backbone, relation, shapes)
    if options.trainable == "relation":
        if encoder is None:
            raise UserError("front_end.trainable is relation, but --relation is none. Name an encoder.")
        return StoredMaps(encoder)
    return EndToEnd(built, encoder, options.share_trunk)


def told_of_maps(config: RunConfig, data: RunData) -> list[str]:
    """What to tell a user of maps before the head: a line for each stream that loses channels by one, and
    one for a head that gets none because it is solved for."""
    asked, given = config.options.front_end, front_end_of(config)
    if not takes_streams(config.backbone, asked):
        return []
    dims = {name: array.shape[1] for name, array in data.arrays.items()}
    outside = any(not (asked.widen or 0) <= dim <= (asked.narrow or math.inf) for dim in dims.values())
    if given != asked and outside:
        return [
            f"fusion {config.fusion.name!r} is solved for, so no map before it can learn: "
            "it reads the streams at the widths they are stored at"
        ]
    return [
        f"stream {name!r} ({dim}) is mapped to {given.narrow}; off: --set front_end.narrow=null"
        for name, dim in dims.items()
        if given.narrow is not None and dim > given.narrow
    ]


def _mapped(front_end: FrontEnd) -> str:
    """A sentence on the streams that a head sees at other widths than stored; empty where there are none."""
    mapped = front_end.mapped if isinstance(front_end, StoredStreams) else {}
    listed = ", ".join(f"{name!r} {after} ({before} as stored)" for name, (before, after) in mapped.items())
    return f" front_end.widen and front_end.narrow map streams before it: {listed}." if mapped else ""


def _refuse_what_solving_leaves_out(config: RunConfig, front_end: FrontEnd) -> None:
    """A head that is solved for sends no gradient to what comes before it, and follows no criterion."""
    if not config.fusion.cls.solved:
        return
    solved = f"fusion {config.fusion.name!r} is solved for"
    if count_parameters(front_end):
        raise NotSupported(
            f"{solved}, so nothing before it can learn with it, but the front end would. "
            "Off: --set front_end.trainable=none."
        )
    weights = config.options.training.class_weights
    if weights != "none" and not takes(config.fusion.cls.solve, "class_weights"):
        raise NotSupported(
            f"{solved}, and its solve() takes no class_weights, which training.class_weights={weights} "
            "asks for. Off: --set training.class_weights=none."
        )


def _check_logits(head: FusionHead, logits: object, expected: tuple[int, ...]) -> None:
    if isinstance(logits, Tensor) and logits.shape == expected:
        if not torch.isfinite(logits).all():
            raise UserError(f"{type(head).__name__} returned NaN or infinite logits on its first batch.")
        return
    got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    named = "(batch, classes)" if len(expected) == 2 else "(batch, time, classes)"
    pooled = isinstance(got, tuple) and len(got) == 3 and len(expected) == 2
    hint = " Did you forget to pool over time?" if pooled else ""
    raise UserError(f"{type(head).__name__} returned {got}; expected {named} = {expected}.{hint}")


def count_parameters(module: torch.nn.Module) -> int:
    """Parameters that training changes."""
    return int(np.sum([p.numel() for p in module.parameters() if p.requires_grad], dtype=np.int64))
