"""What the rows of a comparison cost, measured side by side: in turns, in one process, on equal batches.

Where rows have backbones of their own, that is the cost of whole models, from frames to logits.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from fusionbench.bench.build import assemble_front_end, build_head, front_end_of
from fusionbench.bench.cost import cost_of_model, seconds_of
from fusionbench.bench.flops import flops_per_clip
from fusionbench.bench.load import load
from fusionbench.bench.source import RunData, data_key
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import canonical
from fusionbench.contract.roles import FusionHead
from fusionbench.contract.samples import logits_of
from fusionbench.contract.types import ClipBatch, Streams, StreamSpec
from fusionbench.contract.watch import Watch
from fusionbench.track.records import read_json

COSTS = "costs.json"
"""artifact of a comparison: identity of a row's first run -> its cost"""
ROUNDS = 9
TASK = "timing heads (rounds)"


@dataclass(frozen=True)
class RowCost:
    """What one row's head costs a clip, or its whole model."""

    ms_per_clip: float
    """median of the rounds, forward pass in eval mode on one thread"""
    flops: float
    """of a forward pass"""
    params: float | None = None
    """of a whole model, trained or not; None: of the head, its run knows what was trained"""

    def plain(self) -> dict[str, Any]:
        """What is known, by the names that a row of the ranking has."""
        return {name: value for name, value in vars(self).items() if value is not None}


class _Sitting(NamedTuple):
    """What heads that see the same streams are given."""

    spec: StreamSpec
    streams: Streams


def measure_rows(rows: Mapping[str, tuple[RunConfig, RunData]], watch: Watch) -> dict[str, RowCost]:
    """Time all heads in turns, so that a busy moment meets all of them.

    What a head costs does not depend on its weights, so it is built anew, on a batch of the report
    split's shape. One pass of each comes before the first round and is not counted.

    Args:
        rows: label -> config and data of one of its runs.
        watch: told of progress.

    Raises:
        FusionBenchError: a head that could be built for its run can't be built now.
    """
    watch.progress(TASK, 0, ROUNDS)
    with _one_thread(), torch.random.fork_rng(devices=[]):
        sittings = _sittings(rows)
        heads = {
            label: build_head(config.fusion, sittings[label].spec, config.options.device).eval()
            for label, (config, _) in rows.items()
        }
        seconds: dict[str, list[float]] = {label: [] for label in rows}
        for done in range(ROUNDS + 1):
            for label, head in heads.items():
                seconds[label].append(_forward(head, sittings[label].streams))
            watch.progress(TASK, done, ROUNDS)
        costs = {
            label: RowCost(
                ms_per_clip=1000 * statistics.median(seconds[label][1:]) / sittings[label].streams.samples,
                flops=flops_per_clip(config.fusion, *sittings[label]),
            )
            for label, (config, _) in rows.items()
        }
        if not of_whole_models([config for config, _ in rows.values()]):
            return costs
        return {label: with_front_end(costs[label], config) for label, (config, _) in rows.items()}


def of_whole_models(configs: Iterable[RunConfig]) -> bool:
    """Whether rows have backbones of their own, so that heads alone would not tell what a row costs."""
    return len({canonical(c.backbone.plain()) for c in configs if c.backbone}) > 1


def with_front_end(head: RowCost, config: RunConfig) -> RowCost:
    """The head's cost, and on top of it that of the frames of one clip, as many as are sampled."""
    parts = cost_of_model(config, threads=1)
    front = parts[:-1]
    return RowCost(
        ms_per_clip=head.ms_per_clip + sum(part.ms_per_clip for part in front),
        flops=head.flops + sum(part.flops for part in front),
        params=sum(part.params for part in parts),
    )


def kept_or_measured(
    rows: Mapping[str, tuple[RunConfig, RunData]], keys: Mapping[str, str], earlier: str | None, watch: Watch
) -> dict[str, RowCost]:
    """The costs that an earlier record of this very comparison holds, else measured now, all together.

    Args:
        rows: label -> config and data of one of its runs.
        keys: label -> identity of that run.
        earlier: MLflow run of the comparison where it was finished before.
        watch: told of progress.
    """
    kept: dict[str, Any] = {}
    if earlier is not None:
        try:
            kept = read_json(earlier, COSTS)
        except UserError:  # of before they were kept
            kept = {}
    if all(key in kept for key in keys.values()):
        return {label: RowCost(**kept[key]) for label, key in keys.items()}
    return measure_rows(rows, watch)


@torch.inference_mode()
def _forward(head: FusionHead, streams: Streams) -> float:
    return seconds_of(lambda: logits_of(head, streams), str(streams.mask.device))


@torch.no_grad()
def _sittings(rows: Mapping[str, tuple[RunConfig, RunData]]) -> dict[str, _Sitting]:
    """The batch of each row, the very same one for all that see the same streams."""
    made: dict[tuple[Any, ...], _Sitting] = {}
    given = {}
    for label, (config, data) in rows.items():
        options = config.options
        sampled = options.sampling.frames, options.training.batch_size, options.fold
        key = (data_key(config), config.fusion.cls.solved, options.device, *sampled)
        if key not in made:
            made[key] = _sitting(config, data)
        given[label] = made[key]
    return given


def _sitting(config: RunConfig, data: RunData) -> _Sitting:
    options = config.options
    loaders = load(config, data, data.folds(options.fold)[0])
    batch = next(iter(loaders.report))
    shapes = {name: tuple(array.shape[1:]) for name, array in data.arrays.items()}
    front_end = assemble_front_end(config.backbone, config.relation, front_end_of(config), shapes, None)
    dims = {name: stream.shape[2] for name, stream in front_end.eval()(_first_clip(batch)).items()}
    drawn = {n: torch.randn(*batch.mask.shape, dim) * batch.mask.unsqueeze(-1) for n, dim in dims.items()}
    return _Sitting(
        StreamSpec(dims, data.classes, loaders.max_time),
        Streams(drawn, batch.mask, batch.judged).to(options.device),
    )


def _first_clip(batch: ClipBatch) -> ClipBatch:
    """One clip is enough to see how wide the front end's streams are."""
    arrays = {name: array[:1] for name, array in batch.arrays.items()}
    return ClipBatch(arrays, batch.mask[:1], batch.labels[:1], batch.ids[:1])


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
