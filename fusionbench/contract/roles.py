"""The three roles that are networks: backbone, relation encoder, fusion head."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from fusionbench.contract.options import Config as OptionsConfig
from fusionbench.contract.types import FrameFeatures, Streams, StreamSpec

Criterion = Callable[[Tensor, Tensor], Tensor]
"""logits ``(batch, classes)``, labels ``(batch,)`` -> scalar loss"""
Score = Callable[[Tensor, Tensor], float]
"""logits ``(clips, classes)``, labels ``(clips,)`` -> what a run is judged by, the higher the better"""


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of clips that are right: the ``Score`` of a run that asks for no other."""
    return (logits.argmax(dim=-1) == labels).double().mean().item()


class Component(nn.Module):
    """What the three network roles share: a name, a schema, an optional refusal."""

    name: ClassVar[str]
    """what ``--fusion``, ``--relation`` or ``--backbone`` calls it"""
    experimental: ClassVar[bool] = False
    """True where the method is our reading of a description, not a verified reimplementation"""

    class Config(OptionsConfig):
        """No options."""

    @classmethod
    def weights(cls, config: Any) -> Path | None:
        """The file that pre-trained weights come from, or None where they are drawn at random.

        It is asked without building the component: caches are keyed by the file's content.
        """
        return None


class Backbone(Component):
    """Frames to embeddings and feature maps, one frame at a time.

    Subclasses set ``dim`` and ``map_shape`` in ``__init__`` and never mix frames:
    the output for a frame does not depend on the others in the batch (in eval mode).
    """

    dim: int
    """channels of the embedding"""
    map_shape: tuple[int, int, int]
    """(channels, rows, cols) of the feature map"""
    trained_on: ClassVar[str | None] = None
    """what the shipped weights saw, where a user must be warned (``drawings``)"""
    classes: ClassVar[tuple[str, ...]] = ()
    """what its weights name by themselves, where they came with a classifier of single frames"""

    def __init__(self, config: Any):
        super().__init__()
        self.config = config

    @classmethod
    def input_size(cls, config: Any) -> int:
        """Side of the square face, in pixels, that frames are prepared to."""
        raise NotImplementedError

    def forward(self, frames: Tensor) -> FrameFeatures:
        """Embed frames.

        Args:
            frames: ``(frames, 3, height, width)``, RGB, float in [0, 1].

        Returns:
            embedding ``(frames, dim)`` and map ``(frames, channels, rows, cols)``.
        """
        raise NotImplementedError

    def logits(self, embedding: Tensor) -> Tensor:
        """What the weights' own classifier says of embeddings, where it has ``classes``.

        Args:
            embedding: ``(frames, dim)``.

        Returns:
            ``(frames, classes)``
        """
        raise NotImplementedError

    def pretrained(self) -> list[nn.Parameter]:
        """Parameters that came with weights and get the small learning rate."""
        return []


class RelationEncoder(Component):
    """Faces to one relation vector a frame, one frame at a time. Subclasses set ``dim``.

    A face is given by the backbone's map and, where the data hold them, by 68 landmarks and the
    points of its mesh.
    """

    dim: int
    """channels of the relation stream"""
    needs_landmarks: bool = False
    """True where ``forward`` wants the 68 facial landmarks"""
    needs_points: ClassVar[bool] = False
    """True where it wants the points of the face's mesh: ``forward`` and ``explain`` take ``points``"""
    reads_maps: ClassVar[bool] = True
    """False where it makes nothing of the maps; they are not stored for it, and may come as None"""

    def __init__(self, map_shape: tuple[int, int, int], config: Any):
        super().__init__()
        self.config = config

    @classmethod
    def supports(cls, map_shape: tuple[int, int, int], config: Any, landmarks: bool) -> str | None:
        """Why this encoder cannot work on such maps (or without landmarks), or None if it can."""
        return None

    @classmethod
    def canonical(cls, map_shape: tuple[int, int, int], config: Any) -> Any:
        """``config`` in one form for all options that make the very same encoder of such maps."""
        return config

    def forward(self, maps: Tensor, landmarks: Tensor | None = None) -> Tensor:
        """Encode the relation of facial regions.

        Args:
            maps: ``(frames, channels, rows, cols)``.
            landmarks: ``(frames, 68, 2)``, x and y in [0, 1] of the face image.

        With ``needs_points`` a third argument comes, ``points`` ``(frames, 2, 468, 3)``: the mesh of the
        frame, and the median of its clip's; x and y in [0, 1] of the face image, depth in the same unit.

        Returns:
            ``(frames, dim)``
        """
        raise NotImplementedError

    def explain(self, maps: Tensor, landmarks: Tensor | None = None) -> Mapping[str, Any]:
        """Which regions of a face read which, as ``{name: (axes, array)}``; empty where nothing is shown.

        Attention is ``(frame, head, target, source)``, regions by number. ``regions`` says where they
        are: ``(frame, region, box)``, left, top, right and bottom in [0, 1] of the face.
        """
        return {}

    def pretrained(self) -> list[nn.Parameter]:
        """Parameters that came with weights and get the small learning rate."""
        return []


class FusionHead(Component):
    """Streams to logits: what is compared.

    Padded frames (``streams.mask`` False) must never change the logits.
    """

    min_time: ClassVar[int] = 1
    """the shortest clip, in frames, that the head accepts"""

    @classmethod
    def supports(cls, spec: StreamSpec, config: Any) -> str | None:
        """Why this head cannot be built for ``spec``, or None if it can."""
        return None

    @classmethod
    def canonical(cls, spec: StreamSpec, config: Any) -> Any:
        """``config`` in one form for all options that make the very same head for ``spec``.

        A study runs one of them and takes its result for the others. Without it every option counts.
        """
        return config

    @classmethod
    def reads(cls, spec: StreamSpec, config: Any) -> tuple[str, ...]:
        """Names of the streams that the logits depend on; all of them unless overridden."""
        return tuple(spec.dims)

    def forward(self, streams: Streams) -> Tensor:
        """Logits ``(batch, classes)`` of a batch of clips."""
        raise NotImplementedError

    def each_step(self, streams: Streams) -> Tensor:
        """Logits ``(batch, time, classes)`` of every step; override where the head can label each.

        Then it also learns from clips whose steps have labels of their own (``dataset.window=null``), by
        the protocol's loss on the judged ones. What it says of padding is not looked at; padding must
        not change what it says of the rest.
        """
        raise NotImplementedError

    def training_loss(self, streams: Streams, labels: Tensor, criterion: Criterion) -> tuple[Tensor, Tensor]:
        """The loss to minimise and the logits; override for auxiliary losses.

        Args:
            streams: a batch.
            labels: ``(batch,)`` class numbers.
            criterion: the protocol's loss on logits.
        """
        logits = self(streams)
        return criterion(logits, labels), logits

    solved: ClassVar[bool] = False
    """True where ``solve`` finds the parameters; such a head has one epoch and no gradient"""

    def solve(self, train: Iterable[tuple[Streams, Tensor]], class_weights: Tensor | None = None) -> None:
        """Find the parameters from all training clips at once, in place of gradient steps.

        Args:
            train: streams and labels, batch by batch.
            class_weights: ``(classes,)``, how much a clip of each class weighs; None = all alike. A head
                whose ``solve`` has no such parameter is left out where classes weigh.
        """

    def calibrate(self, selection: Iterable[tuple[Streams, Tensor]], score: Score = accuracy) -> None:
        """Choose what is chosen on the selection split (a fusion weight); called before each evaluation.

        Args:
            selection: streams and labels, batch by batch.
            score: what to choose by. A ``calibrate`` without such a parameter is not handed it.
        """

    def explain(self, streams: Streams) -> Mapping[str, Any]:
        """Named attention arrays ``{name: (axes, array)}``; empty where there is nothing to show.

        ``batch`` comes first. Over ``head`` is averaged where it is drawn. ``target`` reads
        ``source``: frames, or nodes ``stream * time + frame``; ``token and targets`` and ``token and
        sources`` have a learned token before the frames. Other last axes (``time``, ``stream``,
        ``snippet``) are drawn along, one line for each index of what stands before them.
        """
        return {}


def beside_maps(
    encoder: RelationEncoder, landmarks: Tensor | None, points: Tensor | None
) -> tuple[Tensor | None, ...]:
    """What a relation encoder's ``forward`` and ``explain`` are handed after the maps."""
    return (landmarks, points) if encoder.needs_points else (landmarks,)


def takes(method: Callable[..., Any], argument: str) -> bool:
    """Whether a component's method has a parameter of that name; one written before it was there has none."""
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == argument or p.kind is p.VAR_KEYWORD for p in parameters)
