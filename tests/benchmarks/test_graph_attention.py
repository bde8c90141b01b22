"""Graph attention forward and backward, ours beside the projection alone (and PyG on the paper's shape)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from tests.benchmarks import workloads as w

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")]

WORKLOADS = {
    "paper": w.PAPER,
    "regions": w.REGIONS,
    "band": w.BAND,
    "band_short": w.BAND_SHORT,
    "full": w.FULL,
    "full_short": w.FULL_SHORT,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads would measure how busy the machine is."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("who", ["ours", "floor"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_training_step(benchmark: Callable[..., object], name: str, who: str) -> None:
    work = WORKLOADS[name]
    benchmark(work.training() if who == "ours" else work.floor())


def test_pytorch_geometric_on_the_papers_shape(benchmark: Callable[..., object]) -> None:
    benchmark(w.PAPER.pyg())
