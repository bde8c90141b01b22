"""What is measured: epochs of a run on stored streams, each beside one of a bare loop in plain PyTorch.

The loop is what one would write for a single experiment: streams standardised once and kept as tensors,
batches by index, AdamW with clipped gradients, the selection split judged after every epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import fusionbench as fb
from fusionbench.bench.build import build, seed_everything
from fusionbench.bench.load import load
from fusionbench.bench.run import run
from fusionbench.bench.source import RunData, open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.watch import Watch
from tests.benchmarks.interleave import cpu_seconds

TRAIN, REPORTED, CLASSES, CHANNELS, TIME = 773, 386, 7, 128, 16
"""clips of AFEW's training and validation part, its classes; channels and frames of each of two streams"""


def write_store(folder: Path) -> Path:
    """Streams of AFEW's size that say a little about their classes."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(2, CLASSES, CHANNELS))
    fb.write_stream_store(
        folder,
        (
            {
                "id": f"clip-{k:04}",
                "label": f"class {k % CLASSES}",
                "split": "train" if k < TRAIN else "test",
                "subject": f"{'train' if k < TRAIN else 'test'} {k // 8}",
                "streams": {
                    name: 0.1 * centre[k % CLASSES] + draw.normal(size=(TIME, CHANNELS))
                    for name, centre in zip(("appearance", "relation"), centres, strict=True)
                },
            }
            for k in range(TRAIN + REPORTED)
        ),
    )
    return folder


def request(head: str, store: Path, epochs: int, seed: int = 0) -> Request:
    """A run of a head on all frames of the stored clips, as they are."""
    asked = {"fusion": head, "dataset": "streams", "data.root": str(store), "seed": seed}
    return Request({**asked, "training.epochs": epochs, "sampling.frames": None})


@dataclass(frozen=True)
class Split:
    """Clips as tensors."""

    streams: Mapping[str, Tensor]
    """name -> ``(clips, time, channels)``, standardised"""
    labels: Tensor

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[fb.Streams, Tensor]]:
        """Streams and labels of the clips in this order."""
        for places in order.split(size):
            yield (
                fb.Streams({name: stream[places] for name, stream in self.streams.items()}),
                self.labels[places],
            )


class BareLoop:
    """One head trained without anything around it; the weights it starts from are the run's."""

    def __init__(self, config: RunConfig, data: RunData):
        seed_everything(config)
        loaders = load(config, data, data.folds(None)[0])
        model = build(config, data, loaders)
        self._head, self._options = model.head, config.options.training
        scale = dict(model.front_end.named_buffers())
        self._train, self._selection = (
            _tensors(data, clips, scale) for clips in (loaders.parts.train, loaders.parts.selection)
        )
        self._parameters = list(self._head.parameters())
        options = self._options
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=options.lr, weight_decay=options.weight_decay
        )
        self._epoch = 0

    def epoch(self) -> dict[str, float]:
        """Train over all clips once, then judge the selection split."""
        factor = 0.5 * (1 + math.cos(math.pi * self._epoch / self._options.epochs))
        for group in self._optimizer.param_groups:
            group["lr"] = self._options.lr * factor
        self._epoch += 1
        self._head.train()
        total, seen = 0.0, len(self._train.labels)
        for streams, labels in self._train.batches(torch.randperm(seen), self._options.batch_size):
            loss, _ = self._head.training_loss(streams, labels, F.cross_entropy)
            self._optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._parameters, self._options.clip_norm)
            self._optimizer.step()
            total += loss.item() * len(labels)
        return {"loss": total / seen, "accuracy": self._judged()}

    @torch.inference_mode()
    def _judged(self) -> float:
        """Accuracy on the selection split, on which some heads calibrate first."""
        self._head.eval()
        hits, seen = 0, len(self._selection.labels)
        once = torch.arange(seen), self._options.batch_size
        self._head.calibrate(self._selection.batches(*once))
        for streams, labels in self._selection.batches(*once):
            hits += int((self._head(streams).argmax(-1) == labels).sum())
        return hits / seen


def _tensors(data: RunData, clips: tuple[fb.Clip, ...], scale: Mapping[str, Tensor]) -> Split:
    first = data.index.first_row[data.index.places([clip.id for clip in clips])]
    rows = first[:, None] + np.arange(TIME)
    streams = {
        name: (torch.from_numpy(array[rows]) - scale[f"mean_{name}"]) / scale[f"std_{name}"]
        for name, array in data.arrays.items()
    }
    return Split(streams, torch.tensor([data.dataset.classes.index(clip.label) for clip in clips]))


class InTurns(Watch):
    """After every epoch of a run comes one of the loop; both are timed, neither sees the other's draws."""

    def __init__(self, peer: Callable[[], object]):
        self.seconds: list[dict[str, float]] = []
        self._peer = peer
        self._stopped = time.process_time()

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        ours = time.process_time() - self._stopped
        with torch.random.fork_rng(devices=[]):
            self.seconds.append({"ours": ours, "loop": cpu_seconds(self._peer)})
        self._stopped = time.process_time()


def bare_loop(head: str, store: Path, epochs: int, seed: int = 0) -> BareLoop:
    """The loop of a head on stored streams."""
    config = resolve(request(head, store, epochs, seed), collect())
    return BareLoop(config, open_data(config, Watch()))


def in_turns_with_loop(head: str, store: Path, epochs: int) -> list[dict[str, float]]:
    """CPU seconds of each epoch of a tracked run and of the loop, the first one left out."""
    watch = InTurns(bare_loop(head, store, epochs).epoch)
    run(request(head, store, epochs), watch, again=True)
    return watch.seconds[1:]
