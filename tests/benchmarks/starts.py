"""What is measured: whole processes, from their start to their end, in CPU seconds."""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.epochs import write_store

ROOT = Path(__file__).resolve().parents[2]
HEADS, SEEDS, EPOCHS = ("concat", "late", "arpg", "multi_attention"), 3, 20
"""light heads of a comparison, seeds of each, epochs of each run"""

IMPORTS = """
import torch
from mlflow.tracking import MlflowClient
MlflowClient().search_experiments()
"""
"""what a run on stored streams cannot do without: torch, MLflow, and its database opened"""

LOOPS = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.benchmarks.epochs import bare_loop
for head in sys.argv[3].split(","):
    for seed in range(int(sys.argv[4])):
        loop = bare_loop(head, Path(sys.argv[1]), int(sys.argv[2]), seed)
        for _ in range(int(sys.argv[2])):
            loop.epoch()
"""


@dataclass(frozen=True)
class World:
    """A folder with a store of streams, a cache and a database of its own, in which processes are started."""

    folder: Path

    @property
    def store(self) -> Path:
        """Streams of AFEW's size."""
        return self.folder / "streams"

    @property
    def own(self) -> dict[str, str]:
        """What a process finds in its environment."""
        return {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
            "FUSIONBENCH_CACHE": str(self.folder / "cache"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "OMP_NUM_THREADS": "1",
        }

    def seconds(self, *command: str) -> float:
        """CPU seconds, of the user and of the system, that a Python process takes."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *command],
            check=True, cwd=self.folder, env={**kept, **self.own},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def run(self) -> Callable[[], float]:
        """``fusionbench run`` of the lightest head for one epoch; another seed every time."""
        seeds = itertools.count()
        asked = (
            "--fusion",
            "concat",
            "--dataset",
            "streams",
            "--data-root",
            str(self.store),
            "--epochs",
            "1",
        )
        return lambda: self.seconds("-m", "fusionbench.cli.main", "run", *asked, "--seed", str(next(seeds)))

    def compare(self) -> Callable[[], float]:
        """``fusionbench compare`` of light heads in one process; runs that were never run, every time."""
        again = itertools.count(1)
        heads = [word for head in HEADS for word in ("--fusion", head)]
        asked = ("--dataset", "streams", "--data-root", str(self.store))
        length = ("--seeds", str(SEEDS), "--epochs", str(EPOCHS))

        def once() -> float:
            other = f"training.weight_decay={1e-4 + 1e-9 * next(again)}"
            return self.seconds(
                "-m", "fusionbench.cli.main", "compare", *heads, *asked, *length, "--set", other
            )

        return once

    def imports(self) -> float:
        """torch, MLflow and its database, opened."""
        return self.seconds("-c", IMPORTS)

    def loops(self) -> float:
        """The bare loops of a comparison, one after the other in one process."""
        return self.seconds("-c", LOOPS, str(self.store), str(EPOCHS), ",".join(HEADS), str(SEEDS))


@contextmanager
def world() -> Iterator[World]:
    """A world that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        made = World(Path(folder))
        write_store(made.store)
        yield made
