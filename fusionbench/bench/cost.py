"""What a head costs: parameters, and milliseconds a clip side by side with nothing else running."""

from __future__ import annotations

import statistics
import time

import torch

from fusionbench.bench.build import count_parameters
from fusionbench.data.loader import ClipLoader
from fusionbench.learn.front_end import Model

REPEATS = 9


def measure_cost(model: Model, loader: ClipLoader, device: str) -> dict[str, float]:
    """``params`` (trained), ``head_params``, ``ms_per_clip`` (the head's forward pass in eval mode).

    The median of several passes over one batch; the front end is left out,
    because it is the same for every head.
    """
    model.eval()
    batch = next(iter(loader)).to(device)
    with torch.inference_mode():
        streams = model.front_end(batch)
        times = []
        for _ in range(REPEATS):
            _wait(device)
            started = time.perf_counter()
            model.head(streams)
            _wait(device)
            times.append(time.perf_counter() - started)
    return {
        "params": count_parameters(model),
        "head_params": count_parameters(model.head),
        "ms_per_clip": 1000 * statistics.median(times) / len(batch.ids),
    }


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
