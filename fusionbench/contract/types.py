"""The tensors that flow from files to logits; shapes are given in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

POINTS = (2, 468, 3)
"""``points`` of a frame: the mesh of its face, and the median of its clip's"""


class FrameFeatures(NamedTuple):
    """What a backbone returns for each frame."""

    embedding: Tensor
    """``(frames, dim)``"""
    map: Tensor
    """``(frames, channels, rows, cols)``"""


@dataclass(frozen=True)
class StreamSpec:
    """The sizes a fusion head is built for."""

    dims: Mapping[str, int]
    """stream name -> channels, in the order the streams come"""
    classes: int
    max_time: int
    """the longest clip, in frames, that the head will see"""


class Streams(Mapping[str, Tensor]):
    """Synchronous feature streams of a batch of clips, by name and in order.

    Args:
        streams: name -> ``(batch, time, dim)``; dims may differ, batch and time may not.
        mask: ``(batch, time)`` bool, True where a frame is real. Real frames come
            first; padding follows them. Without it every frame is real.
        judged: ``(batch, time)`` bool, True where a step has a label of its own. Without it a clip has
            one label.

    Raises:
        ValueError: a stream is not three-dimensional or disagrees on batch or time.
    """

    def __init__(
        self, streams: Mapping[str, Tensor], mask: Tensor | None = None, judged: Tensor | None = None
    ):
        self._streams = dict(streams)
        if not self._streams:
            raise ValueError("Streams got no stream; give at least one (batch, time, dim) tensor.")
        first = next(iter(self._streams.values()))
        if mask is None:
            mask = torch.ones(first.shape[:2], dtype=torch.bool, device=first.device)
        for name, stream in self._streams.items():
            if stream.dim() != 3 or stream.shape[:2] != mask.shape:
                raise ValueError(
                    f"stream {name!r} is {tuple(stream.shape)}; expected (batch, time, dim) "
                    f"with (batch, time) = {tuple(mask.shape)}, as the mask has."
                )
        self.mask = mask
        self.judged = judged

    def __getitem__(self, name: str) -> Tensor:
        return self._streams[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {tuple(stream.shape)}" for name, stream in self.items())
        return f"Streams({sizes})"

    @property
    def lengths(self) -> Tensor:
        """``(batch,)`` real frames of each clip."""
        return self.mask.sum(dim=1)

    @property
    def samples(self) -> int:
        """How many labels there are: one a clip, or one a judged step."""
        return len(self.mask) if self.judged is None else int(self.judged.sum())

    def spec(self, classes: int) -> StreamSpec:
        """The spec a head for these streams is built from."""
        return StreamSpec({n: s.shape[2] for n, s in self.items()}, classes, self.mask.shape[1])

    def to(self, *args, **kwargs) -> Streams:
        """A copy whose streams went through ``Tensor.to``; the masks follow the device only."""
        moved = {n: s.to(*args, **kwargs) for n, s in self.items()}
        device = next(iter(moved.values())).device
        return Streams(moved, self.mask.to(device), None if self.judged is None else self.judged.to(device))


@dataclass(frozen=True)
class ClipBatch:
    """Padded clips, one batch of them."""

    arrays: Mapping[str, Tensor]
    """array name -> ``(batch, time, ...)``: ``frames`` ``(batch, time, 3, height, width)`` uint8,
    ``map`` ``(batch, time, channels, rows, cols)``, ``landmarks`` ``(batch, time, 68, 2)``,
    ``points`` ``(batch, time, 2, 468, 3)``,
    or a stream ``(batch, time, dim)`` under its name"""
    mask: Tensor
    """``(batch, time)`` bool, True = real frame"""
    labels: Tensor
    """``(samples,)`` class numbers in the dataset's order: one a clip, or one a judged step"""
    ids: tuple[str, ...]
    """of the samples"""
    standardised: bool = False
    """whether its streams were standardised when they were read into memory"""
    judged: Tensor | None = None
    """``(batch, time)`` bool, True where a step is a sample; None where each clip is one"""

    def to(self, device: torch.device | str) -> ClipBatch:
        """The same batch on another device; itself where it lies there already."""
        if self.mask.device == torch.device(device):
            return self
        arrays = {name: array.to(device, non_blocking=True) for name, array in self.arrays.items()}
        judged = None if self.judged is None else self.judged.to(device)
        mask, labels = self.mask.to(device), self.labels.to(device)
        return replace(self, arrays=arrays, mask=mask, labels=labels, judged=judged)
