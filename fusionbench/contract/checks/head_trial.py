"""A fusion head on trial: built for several sets of streams, trained for a moment, asked for logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fusionbench.contract.checks.findings import SEED, Broken, expect_tensor
from fusionbench.contract.checks.networks import without_gradient
from fusionbench.contract.non_finite import NO_DIVISION_BY_ZERO, first_non_finite
from fusionbench.contract.roles import FusionHead
from fusionbench.contract.types import Streams, StreamSpec

CASES = {  # multiples of 8, so that usual numbers of attention heads divide them
    "two streams of unequal width": {"appearance": 32, "relation": 48},
    "two streams of equal width": {"appearance": 32, "relation": 32},
    "three streams of unequal width": {"appearance": 32, "relation": 48, "audio": 24},
    "three streams of equal width": {"appearance": 32, "relation": 32, "audio": 32},
    "one stream": {"appearance": 32},
}
CLASSES = 7
TIME = 12
"""frames of the longest clip, unless the head's shortest is longer than half of it"""
STEPS = 3
"""of training before a head is judged: layers that start at zero say nothing until then"""
LEARNING_RATE = 1e-2


@dataclass(frozen=True)
class Gradients:
    """Where a training step's gradients arrived."""

    streams: dict[str, float]
    """stream -> the largest gradient on it, infinite where one is NaN"""
    unreached: list[str]
    """parameters that got none"""


class HeadTrial:
    """One head class with its options; what is costly is made once.

    Args:
        cls: the head.
        config: its ``Config``.
        dims: stream -> width, for a head that fits certain streams only; None = all of ``CASES``.
    """

    def __init__(self, cls: type[FusionHead], config: Any, dims: Mapping[str, int] | None = None):
        self.cls, self.config = cls, config
        self.streams = {"the given streams": dict(dims)} if dims else CASES
        self._trained: dict[str, FusionHead] = {}
        self._gradients: dict[str, Gradients] = {}

    @property
    def time(self) -> int:
        """Frames of the longest clip."""
        return max(TIME, 2 * self.cls.min_time)

    @property
    def lengths(self) -> list[int]:
        """Frames of each clip of a batch, from the longest to the shortest."""
        shortest = self.cls.min_time
        return [self.time, (2 * self.time + shortest) // 3, (self.time + 2 * shortest) // 3, shortest]

    @cached_property
    def answers(self) -> dict[str, str | None]:
        """Case -> what ``supports`` says of it."""
        return {case: self.cls.supports(self.spec(case), self.config) for case in self.streams}

    @property
    def cases(self) -> list[str]:
        """The cases that the head supports."""
        return [case for case, reason in self.answers.items() if reason is None]

    @property
    def main(self) -> str:
        """The case that rules look at where one is enough."""
        return self.cases[0]

    def spec(self, case: str, time: int | None = None) -> StreamSpec:
        """The sizes of a case."""
        return StreamSpec(self.streams[case], CLASSES, time or self.time)

    def build(self, case: str, time: int | None = None, seed: int = SEED) -> FusionHead:
        """A new head; the same seed gives the same weights."""
        torch.manual_seed(seed)
        return self.cls(self.spec(case, time), self.config)

    def batch(self, case: str, lengths: Sequence[int] | None = None, seed: int = 0) -> Streams:
        """Random clips, padded with zeros as the loaders do."""
        lengths = lengths or self.lengths
        real = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        drawn = torch.Generator().manual_seed(SEED + seed)
        streams = {
            name: torch.randn(*real.shape, dim, generator=drawn) * real.unsqueeze(-1)
            for name, dim in self.streams[case].items()
        }
        return Streams(streams, real)

    def trained(self, case: str) -> FusionHead:
        """A head in eval mode after a few steps of training (or solved for) and its calibration."""
        if case not in self._trained:
            head = self.build(case)
            batches = self.labelled(case)
            if head.solved:
                head.eval().solve(batches)
            else:
                optimizer = torch.optim.Adam(head.train().parameters(), lr=LEARNING_RATE)
                for streams, _ in batches:
                    optimizer.zero_grad()
                    training_loss(head, streams).backward()
                    _refuse_gradients(head, streams, case)
                    optimizer.step()
            head.eval().calibrate(batches[:1])
            self._trained[case] = head
        return self._trained[case].eval()

    def labelled(self, case: str) -> list[tuple[Streams, Tensor]]:
        """Batches to learn from, with their labels."""
        return [(self.batch(case, seed=step), labels(len(self.lengths))) for step in range(STEPS)]

    def solved(self, class_weights: Tensor | None) -> Tensor:
        """Logits of a new head that was solved for with these weights, or with none."""
        asked = {} if class_weights is None else {"class_weights": class_weights}
        head = self.build(self.main).eval()
        head.solve(self.labelled(self.main), **asked)
        return logits(head, self.batch(self.main))

    def gradients(self, case: str) -> Gradients:
        """Where the gradients of a few training batches arrive."""
        if case not in self._gradients:
            head = self.trained(case).train()
            head.zero_grad(set_to_none=True)
            largest = dict.fromkeys(self.streams[case], 0.0)
            for step in range(STEPS):
                streams = self.batch(case, seed=step)
                self.backward(head, streams)
                for name, stream in streams.items():
                    if stream.grad is not None:
                        found = stream.grad.abs().nan_to_num(math.inf).max().item()
                        largest[name] = max(largest[name], found)
            self._gradients[case] = Gradients(largest, without_gradient(head))
        return self._gradients[case]

    def not_finite_stream(self, case: str, name: str) -> Broken:
        """What is said of a stream whose gradient is NaN or infinite."""
        head = self.trained(case).train()

        def loss() -> Tensor:
            batches = [self.batch(case, seed=step) for step in range(STEPS)]
            for stream in (stream for streams in batches for stream in streams.values()):
                stream.requires_grad_()
            return torch.stack([_loss(head, streams) for streams in batches]).sum()

        return not_finite(f"gradient on stream {name!r} of {case}", loss)

    def backward(self, head: FusionHead, streams: Streams, dtype: torch.dtype | None = None) -> None:
        """One backward pass of the training loss, down to the streams; in autocast to ``dtype``."""
        for stream in streams.values():
            stream.requires_grad_()
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            # What is solved for has no loss of its own.
            loss = head(streams).square().sum() if head.solved else training_loss(head, streams)
        loss.backward()


def labels(clips: int) -> Tensor:
    """``(batch,)`` class numbers, all different while there are classes left."""
    return torch.arange(clips) % CLASSES


def training_loss(head: FusionHead, streams: Streams) -> Tensor:
    """The head's own training loss on a batch, its form checked."""
    clips = len(streams.mask)
    returned: Any = head.training_loss(streams, labels(clips), F.cross_entropy)
    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise Broken(f"training_loss: got {type(returned).__name__}; expected a pair (loss, logits)")
    loss, logits = returned
    for value, what in ((logits, "logits"), (loss, "loss")):
        if isinstance(value, Tensor) and not torch.isfinite(value).all():
            raise not_finite(f"{what} of training_loss", lambda: _loss(head, streams))
    expect_tensor(loss, (), "loss of training_loss", "(a scalar)")
    expect_tensor(logits, (clips, CLASSES), "logits of training_loss", "(batch, classes)")
    if not loss.requires_grad:
        raise Broken("the training loss depends on no parameter")
    return loss


def _loss(head: FusionHead, streams: Streams) -> Tensor:
    return head.training_loss(streams, labels(len(streams.mask)), F.cross_entropy)[0]


def _refuse_gradients(head: FusionHead, streams: Streams, case: str) -> None:
    """Refuse gradients that are NaN or infinite, with the operation they come from."""
    bad = [n for n, p in head.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()]
    if bad:
        raise not_finite(f"gradient of {bad[0]} from {case}", lambda: _loss(head, streams))


def not_finite(what: str, loss: Callable[[], Tensor]) -> Broken:
    """What is said of NaN and infinity: where it arises, if that is found when ``loss`` is computed again."""
    origin = first_non_finite(loss)
    found, fix = (f": {origin}", origin.fix) if origin else ("; expected finite ones", NO_DIVISION_BY_ZERO)
    return Broken(f"{what}: holds NaN or infinite values{found}", fix)


@torch.inference_mode()
def logits(head: FusionHead, streams: Streams) -> Tensor:
    """Logits in eval mode, computed as a run evaluates: gradients switched off altogether."""
    return head.eval()(streams)
