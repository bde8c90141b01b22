"""The fourth role, and how data is judged: clips, inventories, folds, protocols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from fusionbench.contract.class_names import kept_classes
from fusionbench.contract.judging import Judging, choose_metric, number_of_positive, offered
from fusionbench.contract.options import Config as OptionsConfig
from fusionbench.contract.window import Window


@dataclass(frozen=True)
class Clip:
    """One labelled face video, as found on disk; nothing of it is decoded yet."""

    id: str
    """unique in the dataset, the same on every machine: ``train/000633000``"""
    label: str
    """class name; integers differ between editions of one dataset and are never stored"""
    split: str
    """the part the dataset itself puts it in: ``train``, ``selection``, ``report`` or another name of a
    part that can be reported on (``test``, ``test2``), or empty where folds decide"""
    subject: str | None = None
    files: tuple[str, ...] = ()
    """files the clip is read from, relative to the data root, in temporal order"""
    labels: tuple[str, ...] = ()
    """where frames are labelled one by one, the class name of each frame that ``read`` gives, ``""`` = not
    judged; every clip of the dataset has them then, and ``label`` is empty"""

    @property
    def judged(self) -> tuple[str, ...]:
        """The labels it is judged by: its own, or those of its judged frames."""
        return tuple(label for label in self.labels if label) if self.labels else (self.label,)

    def of(self, classes: Sequence[str]) -> Clip | None:
        """The clip as it is judged among these classes; None where nothing of it is."""
        if self.label in classes:
            return self
        kept = tuple(label if label in classes else "" for label in self.labels)
        return replace(self, labels=kept) if any(kept) else None


@dataclass(frozen=True)
class ClipFrames:
    """A decoded clip."""

    frames: np.ndarray
    """``(time, 3, height, width)`` uint8, RGB"""
    landmarks: np.ndarray | None = None
    """``(time, 68, 2)`` float32, x and y in [0, 1] of the image"""
    points: np.ndarray | None = None
    """``(time, 2, 468, 3)`` float32: the face's mesh in each frame, and the median of the clip's; x and y in
    [0, 1] of the image, depth in the same unit"""


@dataclass(frozen=True)
class Problem:
    """One thing on disk that is not as it should be."""

    clip: str
    """id of the clip, or the folder where no clip could be named"""
    reason: str


@dataclass(frozen=True)
class Inventory:
    """What a scan found, beside what was published."""

    clips: tuple[Clip, ...]
    problems: tuple[Problem, ...] = ()
    """what is missing or wrong: each clip that is left out, with the reason"""
    published: Mapping[str, int] = field(default_factory=dict)
    """``split/label`` -> number of clips the dataset's authors (or the stand-in's marker) state"""
    notes: tuple[Problem, ...] = ()
    """what the dataset is known for and nobody can mend, in a few lines: told, not held against it"""

    @property
    def found(self) -> dict[str, int]:
        """``split/label`` -> number of clips found, or of judged frames where frames are labelled."""
        counts: Counter[str] = Counter()
        for clip in self.clips:
            for label, times in Counter(clip.judged).items():
                counts[f"{clip.split}/{label}"] += times
        return dict(counts)


@dataclass(frozen=True)
class Fold:
    """One outer fold, by clip ids."""

    name: str
    train: tuple[str, ...]
    report: tuple[str, ...]
    selection: tuple[str, ...] = ()
    """the dataset's own validation part; empty = the protocol carves one out of ``train``"""


@dataclass(frozen=True)
class Protocol:
    """How a dataset is judged."""

    frames: int | None = 16
    """frames sampled from a clip; None = the whole sequence"""
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    headline: str = "accuracy"
    """the metric that is compared first and that chooses the epoch on the selection split, unless the run
    asks for another"""
    metrics: tuple[str, ...] = ("accuracy", "uar", "f1")
    """what a run may be judged by: these, and ``m`` (0.33 accuracy + 0.67 macro F1) where it is named"""
    selection_fraction: float = 0.2
    """share of the training clips that becomes the selection split, where the dataset brings none"""
    seed: int = 2511
    """fixed seed of the selection split: runs of different seeds share their splits"""

    def metric(self, asked: str | None, positive: str | None = None) -> str:
        """The metric that decides: the one that was asked for, else the headline.

        Raises:
            UserError: this protocol does not offer it.
        """
        return choose_metric(asked, self.headline, self.metrics, positive)

    def judging(self, asked: str | None, positive: str | None, classes: Sequence[str]) -> Judging:
        """What a run is judged by, the metric that decides first.

        Raises:
            UserError: this protocol does not offer the metric, or ``positive`` is not one of two classes.
        """
        first = self.metric(asked, positive)
        names = offered(self.headline, self.metrics, positive)
        return Judging((first, *(n for n in names if n != first)), number_of_positive(positive, classes))


@dataclass(frozen=True)
class StandInClip:
    """One generated clip, for ``Dataset.write_stand_in`` to lay out as files."""

    id: str
    label: str
    split: str
    subject: str
    frames: np.ndarray
    """``(time, height, width, 3)`` uint8, RGB"""
    landmarks: np.ndarray
    """``(time, 68, 2)`` float32, x and y in pixels"""
    active: np.ndarray
    """``(time,)`` bool, True where the expression is strong; nowhere in neutral clips"""


@dataclass(frozen=True)
class StandInPlan:
    """How much to generate in place of a dataset: subjects and clips per split."""

    classes: tuple[str, ...]
    """the dataset's class names; the generator knows the seven basic expressions by common spellings"""
    splits: Mapping[str, tuple[int, int]]
    """split -> (subjects, clips of each class a subject); no subject is in two splits"""


class Dataset:
    """Files of one dataset, in the layouts that users really have.

    Args:
        root: the folder that ``--data-root`` names.
        config: this class's ``Config``.

    Raises:
        UserError: the options name a class that is none; from ``scan``, where ``root`` does not hold the
            dataset.
    """

    name: ClassVar[str]
    classes: tuple[str, ...]
    """class names; their order is the order of the logits. A run leaves out clips of other labels, so that
    a ``Config`` that is a ``NamedClasses`` can choose some"""
    protocol: ClassVar[Protocol] = Protocol()
    run_defaults: ClassVar[Mapping[str, Any]] = {}
    """options of a run that this dataset wants otherwise: ``{"training.epochs": 60}``"""
    precomputed: ClassVar[bool] = False
    """True where the data are feature streams already: ``root`` is a store that
    ``write_stream_store`` wrote, and ``classes`` are the labels of its training clips"""

    takes_prepared: ClassVar[bool] = False
    """True where folds follow from the id, label, split and subject of clips alone: then a store that
    ``fusionbench prepare`` made of the dataset's files can stand in their place"""

    class Config(OptionsConfig):
        """No options."""

    def __init__(self, root: Path, config: Any):
        self.root = root
        self.config = config
        if getattr(config, "classes", None) and (known := getattr(type(self), "classes", ())):
            self.classes = kept_classes(config, known)  # those of a store are known later

    @property
    def window(self) -> Window | None:
        """What a labelled frame is seen through; None where clips are labelled as a whole."""
        return self.config if isinstance(self.config, Window) else None

    def scan(self) -> Inventory:
        """List every clip and every problem without reading a pixel.

        Sets ``classes`` where they depend on the files or on the options.
        """
        raise NotImplementedError

    def read(self, clip: Clip) -> ClipFrames:
        """Decode one clip.

        Raises:
            BadClip: a file of it is missing or cannot be decoded.
        """
        raise NotImplementedError

    def preparation(self) -> Mapping[str, Any] | None:
        """How the clips' faces were found and cut out, as ``prepare`` kept it; None where not known."""
        return None

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """The outer folds over the clips that could be read; by default the one official split."""
        parts = ("train", "report", "selection")
        return [Fold("official", *(tuple(c.id for c in clips if c.split == part) for part in parts))]

    @classmethod
    def stand_in_plan(cls) -> StandInPlan | None:
        """What to generate for ``--stand-in``, or None where the dataset offers none."""
        return None

    @classmethod
    def write_stand_in(cls, root: Path, clips: Iterable[StandInClip]) -> None:
        """Lay generated clips out as this dataset's files.

        Called from several processes, each with a share of the clips.
        """
        raise NotImplementedError
