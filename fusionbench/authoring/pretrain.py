"""Makes the weights that are shipped: backbone ``tiny`` and encoder ``region_gat`` learn action units.

Nothing here has seen a class: every frame shows a random mixture of action units
(``standin.clips.practice``) on a person who is in no stand-in dataset. Embedding
and relation vector each have to tell all action units of both sides by
themselves, through a linear layer that is thrown away afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from safetensors.torch import save_file
from torch import Tensor, nn

from fusionbench.catalog.plugins import collect
from fusionbench.contract.roles import Backbone, RelationEncoder
from fusionbench.contract.types import FrameFeatures
from fusionbench.contract.watch import Watch
from fusionbench.data.workers import Workers
from fusionbench.standin.action_units import ACTION_UNITS
from fusionbench.standin.clips import practice

TARGETS = 2 * len(ACTION_UNITS)


@dataclass(frozen=True)
class School:
    """How much is drawn and learnt. The defaults made the shipped files."""

    terms: int = 10
    """parts of the training; the people of the next are drawn while one is learnt"""
    people: int = 300
    """new people in each term"""
    frames: int = 16
    """frames of each person"""
    passes: int = 2
    """how often each frame is seen"""
    examinees: int = 120
    """people nobody trained on, for the final figures"""
    batch: int = 64
    peak_rate: float = 3e-3
    """highest learning rate of AdamW, one cycle up and down"""


@dataclass(frozen=True)
class Grades:
    """R2 of the action units of people never seen, mean over units and sides: 1 is perfect, 0 a guess."""

    appearance: float
    relation: float

    def __str__(self) -> str:
        return (
            f"R2 of action units on people never seen: appearance {self.appearance:.2f}, "
            f"relation {self.relation:.2f}"
        )


@dataclass(frozen=True)
class Lesson:
    """Frames of several people and what they show."""

    frames: Tensor
    """``(frames, 3, 96, 96)`` uint8"""
    units: Tensor
    """``(frames, 28)`` action units, image left then right"""


class Pupils(nn.Module):
    """Both encoders, each with a linear layer to the action units."""

    def __init__(self, backbone: Backbone, relation: RelationEncoder):
        super().__init__()
        self.backbone, self.relation = backbone, relation
        self.from_appearance = nn.Linear(backbone.dim, TARGETS)
        self.from_relation = nn.Linear(relation.dim, TARGETS)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Action units ``(frames, 28)`` as the embedding and as the relation vector tell them."""
        features: FrameFeatures = self.backbone(frames.float() / 255)
        return self.from_appearance(features.embedding), self.from_relation(self.relation(features.map))


def pretrain(
    out: Path | None = None, seed: int = 0, school: School | None = None, watch: Watch | None = None
) -> Grades:
    """Train both from scratch and write ``tiny.safetensors`` and ``region_gat.safetensors``.

    The same seed gives the same files on the same machine: one thread learns, the
    others only draw. Takes about five minutes on two cores.

    Args:
        out: folder for the files; None replaces the shipped ones.
        seed: of weights, people and order.
        school: how much to learn.
        watch: told of progress.
    """
    school, watch = school or School(), watch or Watch()
    classes = [collect().get("backbone", "tiny").cls, collect().get("relation", "region_gat").cls]
    torch.manual_seed(seed)
    backbone = classes[0](classes[0].Config(weights=None))
    relation = classes[1](backbone.map_shape, classes[1].Config(weights=None))
    grades = teach(backbone, relation, school, seed, watch)
    for cls, module in zip(classes, (backbone, relation), strict=True):
        path = cls.weights(cls.Config()) if out is None else Path(out) / f"{cls.name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {key: value.contiguous() for key, value in module.state_dict().items()}
        save_file(state, path, metadata={"learnt": f"action units of drawn faces, seed {seed}"})
        watch.note(f"wrote {path}")
    return grades


def teach(backbone: Backbone, relation: RelationEncoder, school: School, seed: int, watch: Watch) -> Grades:
    """Train both in place; the grades are of people they never saw."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pupils = Pupils(backbone, relation)
        optimizer = torch.optim.AdamW(pupils.parameters(), weight_decay=1e-2)
        steps = school.terms * school.passes * -(-school.people * school.frames // school.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, school.peak_rate, total_steps=steps)
        generator = torch.Generator().manual_seed(seed)
        watch.progress("learning action units", 0, school.terms)
        *terms, exam = _populations(school)
        with _artists() as pool:
            lessons = _drawn_ahead(pool, [*terms, exam], school, seed)
            for term, lesson in zip(range(school.terms), lessons, strict=False):
                for _ in range(school.passes):
                    _study(pupils, lesson, school.batch, optimizer, schedule, generator)
                watch.progress("learning action units", term + 1, school.terms)
            return _examine(pupils, next(lessons))
    finally:
        torch.set_num_threads(threads)


def _populations(school: School) -> list[range]:
    """Numbers of the people of each term, and of the examinees; nobody is in two."""
    last = school.terms * school.people
    terms = [range(first, first + school.people) for first in range(0, last, school.people)]
    return [*terms, range(last, last + school.examinees)]


def _artists() -> Workers:
    return Workers(max(1, (os.cpu_count() or 1) - 1))


def _drawn_ahead(pool: Workers, populations: Iterable[range], school: School, seed: int) -> Iterator[Lesson]:
    """The lessons in order, the next being drawn while one is in use."""
    waiting: list[list[Future]] = []
    for people in populations:
        waiting.append([pool.submit(_draw, person, school.frames, seed) for person in people])
        if len(waiting) > 1:
            yield _lesson(waiting.pop(0))
    yield _lesson(waiting.pop())


def _draw(person: int, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    footage = practice(person, frames, seed)
    return footage.frames, footage.units


def _lesson(sheets: list[Future]) -> Lesson:
    frames, units = zip(*(sheet.result() for sheet in sheets), strict=True)
    return Lesson(
        torch.from_numpy(rearrange(np.concatenate(frames), "f h w c -> f c h w").copy()),
        torch.from_numpy(rearrange(np.concatenate(units), "f unit side -> f (side unit)").copy()),
    )


def _study(
    pupils: Pupils,
    lesson: Lesson,
    batch: int,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
) -> None:
    """One pass over a lesson; half of the batches are mirrored, and their sides swapped."""
    pupils.train()
    for places in torch.randperm(len(lesson.units), generator=generator).split(batch):
        frames, units = lesson.frames[places], lesson.units[places]
        if torch.rand((), generator=generator) < 0.5:
            frames, units = frames.flip(-1), units.roll(len(ACTION_UNITS), dims=-1)
        loss = sum(((told - units) ** 2).mean() for told in pupils(frames))
        optimizer.zero_grad()
        torch.as_tensor(loss).backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def _examine(pupils: Pupils, exam: Lesson) -> Grades:
    pupils.eval()
    told = zip(*(pupils(frames) for frames in exam.frames.split(256)), strict=True)
    return Grades(*(_r2(torch.cat(parts), exam.units) for parts in told))


def _r2(told: Tensor, true: Tensor) -> float:
    unexplained = ((told - true) ** 2).sum(0) / ((true - true.mean(0)) ** 2).sum(0)
    return float((1 - unexplained).mean())
