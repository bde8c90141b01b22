"""A trained model as its user meets it: raw streams in, logits or probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusionbench.bench.model_file import Description
from fusionbench.contract.blame import blaming
from fusionbench.contract.errors import UserError
from fusionbench.contract.types import ClipBatch, Streams
from fusionbench.data.sampling import segment_centres
from fusionbench.learn.front_end import Model


class TrainedModel(nn.Module):
    """A run's front end and head with the weights of its selected epoch. Made by ``fb.load_model``.

    It is called with ``fb.Streams`` of raw streams, as they were stored: at their own widths, not
    standardised, any number of clips, padded with a mask. Standardising and mapping to other widths
    are part of it, and so is the choice of frames where the run took some of each clip.

    Where the run's ``front_end.trainable`` was ``relation`` or ``all``, it takes what that front end
    takes, as a mapping (or ``fb.ClipBatch``) of arrays ``(batch, time, ...)``: ``appearance`` and what
    the relation encoder reads (the backbone's ``map``, ``points`` of the mesh), or ``frames``
    ``(batch, time, 3, height, width)`` uint8; with ``landmarks`` where the data had them. ``inputs``
    says which. ``fb.load(RUN_ID).predict(frames=...)`` makes them of faces.

    The same batches on the same machine and number of threads give the digits that the run gave.
    It stays in eval mode and takes no gradients; ``front_end`` and ``head`` are modules to train on.

    Attributes:
        classes: names, in the order of the logits.
        inputs: what it takes, name -> sizes behind (batch, time).
        streams: those inputs that are streams, name -> dim.
        config: the run's resolved config.
        about: everything that is known of the run: its id, fold, selected epoch, versions.
        stand_in: True where it was trained on generated data.
    """

    def __init__(self, model: Model, about: Description):
        super().__init__()
        self.front_end, self.head = model.front_end, model.head
        self.about = about
        self.classes: tuple[str, ...] = about.classes
        self.inputs: dict[str, tuple[int, ...]] = {array.name: array.shape for array in about.inputs}
        self.streams: dict[str, int] = {n: shape[0] for n, shape in self.inputs.items() if len(shape) == 1}
        self.config: dict[str, Any] = about.config
        self.stand_in: bool = about.stand_in
        self._frames: int | None = about.frames
        self.eval()

    def train(self, mode: bool = True) -> TrainedModel:
        """Stays in eval mode."""
        return super().train(False)

    def forward(
        self, clips: Streams | ClipBatch | Mapping[str, Tensor], mask: Tensor | None = None
    ) -> Tensor:
        """Logits ``(batch, classes)``; ``(batch, time, classes)`` of a run that labels every step.

        Args:
            clips: see the class.
            mask: ``(batch, time)`` bool, True = real frame, where ``clips`` brings none; None = all real.

        Raises:
            UserError: an input is missing or of another shape, or the head raises.
        """
        with torch.inference_mode():  # as a run evaluates: elsewhere torch takes other ways to the same sums
            logits = self._logits(self._batch(clips, mask))
        return logits.clone()  # made outside, it may be used in training

    def _logits(self, batch: ClipBatch) -> Tensor:
        streams = self.front_end(batch)
        try:
            with blaming(self.head, "each_step" if self.about.each_step else "forward", streams):
                logits: Tensor = (self.head.each_step if self.about.each_step else self.head)(streams)
                return logits
        except UserError as error:
            if streams.mask.shape[1] <= self.about.max_time:
                raise
            raise UserError(
                f"{error} The longest clip that the model was built for has {self.about.max_time} frames, "
                f"the longest of these has {streams.mask.shape[1]}."
            ) from error

    def predict(
        self, clips: Streams | ClipBatch | Mapping[str, Tensor], mask: Tensor | None = None
    ) -> Tensor:
        """Probabilities, of the shape of the logits; arguments and errors as for a call."""
        return self(clips, mask).float().softmax(dim=-1)

    def extra_repr(self) -> str:
        sizes = ", ".join(f"{name} {shape}" for name, shape in self.inputs.items())
        return f"{self.about.name}: {sizes} -> {', '.join(self.classes)}"

    def _batch(self, clips: Streams | ClipBatch | Mapping[str, Tensor], mask: Tensor | None) -> ClipBatch:
        """What the run's loader would have made of these clips."""
        arrays = clips.arrays if isinstance(clips, ClipBatch) else clips
        if not isinstance(arrays, Mapping):
            raise UserError(
                f"the model takes fb.Streams or a mapping of tensors, not {type(clips).__name__}."
            )
        mask = mask if mask is not None else getattr(clips, "mask", None)
        self._refuse_other_names(arrays)
        if mask is None:
            first = torch.as_tensor(arrays[next(iter(self.inputs))])
            mask = torch.ones(first.shape[:2], dtype=torch.bool, device=first.device)
        mask = _checked(mask)
        taken = {name: self._taken(name, arrays[name], mask) for name in self.inputs}
        if self._frames is not None:
            taken, mask = _sampled(taken, mask, self._frames)
        labels = torch.zeros(len(mask), dtype=torch.long, device=mask.device)
        scaled = isinstance(clips, ClipBatch) and clips.standardised
        return ClipBatch(taken, mask, labels, tuple(map(str, range(len(mask)))), scaled)

    def _refuse_other_names(self, arrays: Mapping[str, Tensor]) -> None:
        missing, foreign = (
            [n for n in self.inputs if n not in arrays],
            [n for n in arrays if n not in self.inputs],
        )
        if missing or foreign:
            listed = ", ".join(
                f"{name} (batch, time, {_sizes(shape)})" for name, shape in self.inputs.items()
            )
            wrong = f"{missing[0]!r} is missing" if missing else f"{foreign[0]!r} is not among them"
            raise UserError(
                f"the model takes {listed}; {wrong}. Got {', '.join(map(str, arrays)) or 'nothing'}."
            )

    def _taken(self, name: str, array: Tensor, mask: Tensor) -> Tensor:
        """One input with zeros in its padding, streams in float32."""
        shape = self.inputs[name]
        if not isinstance(array, Tensor) or array.shape != (*mask.shape, *shape):
            got = tuple(array.shape) if isinstance(array, Tensor) else type(array).__name__
            raise UserError(
                f"{name!r} is {got}; expected a tensor (batch, time, {_sizes(shape)}) with "
                f"(batch, time) = {tuple(mask.shape)}."
            )
        real = mask.reshape(*mask.shape, *(1 for _ in shape))
        cleared = array.masked_fill(~real, 0)
        if cleared.is_floating_point() and not torch.isfinite(cleared).all():
            raise UserError(
                f"{name!r} holds NaN or infinity in a real frame. Interpolate or cut such frames."
            )
        return cleared.float() if len(shape) == 1 else cleared


def _sizes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _checked(mask: Tensor) -> Tensor:
    """A mask ``(batch, time)`` whose clips have real frames first, and one at least."""
    if mask.dtype != torch.bool or mask.dim() != 2:
        raise UserError(f"the mask is {mask.dtype} {tuple(mask.shape)}; expected bool (batch, time).")
    if not mask.any(dim=1).all():
        raise UserError("a clip has no real frame: its row of the mask is False throughout.")
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise UserError("the mask has real frames behind padding; real frames come first.")
    return mask


def _sampled(arrays: Mapping[str, Tensor], mask: Tensor, frames: int) -> tuple[dict[str, Tensor], Tensor]:
    """The frames that the run's protocol takes of each clip; clips of no more frames keep theirs."""
    lengths = mask.sum(dim=1).tolist()
    chosen = [segment_centres(int(length), frames) for length in lengths]
    time = max(map(len, chosen))
    rows = np.stack([np.pad(c, (0, time - len(c))) for c in chosen])
    place = torch.from_numpy(rows).to(mask.device)
    kept = (
        torch.arange(time, device=mask.device)
        < torch.tensor([len(c) for c in chosen], device=mask.device)[:, None]
    )
    clip = torch.arange(len(mask), device=mask.device)[:, None]
    cut = {}
    for name, array in arrays.items():
        real = kept.reshape(*kept.shape, *(1 for _ in array.shape[2:]))
        cut[name] = array[clip, place].masked_fill(~real, 0)
    return cut, kept
