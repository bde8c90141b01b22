"""Builds the model of a run and shows it one batch, so that a bad shape is named before training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from fusionbench.bench.front_end import build_front_end
from fusionbench.bench.load import Loaders
from fusionbench.bench.source import RunData
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.roles import FusionHead
from fusionbench.contract.types import StreamSpec
from fusionbench.learn.front_end import (
    EndToEnd,
    FrontEnd,
    Model,
    StoredMaps,
    StoredStreams,
    stream_statistics,
)


def seed_everything(config: RunConfig) -> None:
    """Weights, dropout and order follow from the run's seed; the digits also depend on threads and device."""
    check_device(config.options.device)
    torch.set_num_threads(config.options.threads)
    torch.manual_seed(config.options.seed)
    if config.options.device != "cpu":  # a CPU repeats its digits anyway, and this imports for seconds
        torch.use_deterministic_algorithms(True, warn_only=True)


def check_device(device: str) -> None:
    """Refuse a device that torch does not know or this machine does not have.

    Raises:
        UserError: with the devices that are there.
    """
    there = ["cpu"]
    if torch.cuda.is_available():
        there += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if device not in there:
        raise UserError(f"no device {device!r} on this machine. Devices here: {', '.join(there)}.")


def build(config: RunConfig, data: RunData, loaders: Loaders) -> Model:
    """Front end and head on the run's device, tried on one training batch.

    Raises:
        NotSupported: head, encoder or data do not fit, with the component's own reason.
        UserError: the head raises or returns something other than logits.
    """
    front_end = _front_end(config, data, loaders)
    device = config.options.device
    front_end.to(device)
    batch = next(iter(loaders.train)).to(device)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        streams = front_end.eval()(batch)
    spec = StreamSpec(
        {name: stream.shape[2] for name, stream in streams.items()}, data.classes, loaders.max_time
    )
    head = build_head(config, spec).to(device)
    if head.solved and count_parameters(front_end):
        raise NotSupported(
            f"fusion {head.name!r} is solved for, so nothing before it can learn with it. "
            "Set front_end.trainable=none and front_end.widen=null."
        )
    with torch.random.fork_rng(devices=[]), torch.no_grad(), _blaming(head):
        logits = head.eval()(streams)
    _check_logits(head, logits, (len(batch.ids), data.classes))
    return Model(front_end, head)


def build_head(config: RunConfig, spec: StreamSpec) -> FusionHead:
    """The head, or its own reason why it cannot be built."""
    cls, options = config.fusion.cls, config.fusion.options
    reason = cls.supports(spec, options)
    if reason:
        raise NotSupported(f"fusion {config.fusion.name!r} does not fit: {reason}")
    if spec.max_time < cls.min_time:
        raise NotSupported(
            f"fusion {config.fusion.name!r} needs clips of at least {cls.min_time} frames; "
            f"these have {spec.max_time}. Raise --set sampling.frames."
        )
    head: FusionHead = cls(spec, options)
    return head


def _front_end(config: RunConfig, data: RunData, loaders: Loaders) -> FrontEnd:
    options = config.options.front_end
    if config.backbone is None or options.trainable == "none":
        statistics = None
        if options.standardise:
            statistics = stream_statistics(data.index, data.arrays, loaders.train.ids)
        dims = {name: array.shape[1] for name, array in data.arrays.items()}
        return StoredStreams(dims, statistics, options.widen)
    backbone, relation = build_front_end(config, landmarks="landmarks" in data.arrays)
    if options.trainable == "relation":
        if relation is None:
            raise UserError("front_end.trainable is relation, but --relation is none. Name an encoder.")
        return StoredMaps(relation)
    return EndToEnd(backbone, relation, options.share_trunk)


@contextlib.contextmanager
def _blaming(head: FusionHead) -> Iterator[None]:
    """An error inside a head is told as that head's."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UserError(
            f"{type(head).__name__} raised {type(error).__name__} on a batch: {error}. "
            f"`fusionbench run --debug` shows where."
        ) from error


def _check_logits(head: FusionHead, logits: object, expected: tuple[int, int]) -> None:
    if isinstance(logits, torch.Tensor) and logits.shape == expected:
        if not torch.isfinite(logits).all():
            raise UserError(f"{type(head).__name__} returned NaN or infinite logits on its first batch.")
        return
    got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    hint = " Did you forget to pool over time?" if isinstance(got, tuple) and len(got) == 3 else ""
    raise UserError(f"{type(head).__name__} returned {got}; expected (batch, classes) = {expected}.{hint}")


def count_parameters(module: torch.nn.Module) -> int:
    """Parameters that training changes."""
    return int(np.sum([p.numel() for p in module.parameters() if p.requires_grad], dtype=np.int64))
