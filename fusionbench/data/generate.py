"""Renders a dataset's stand-in: drawn faces in the very files the dataset itself would have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fusionbench.contract.dataset import Dataset, StandInPlan
from fusionbench.contract.errors import UserError
from fusionbench.data.marker import Marker, read_marker, write_marker
from fusionbench.data.place import locked, replacing, writes_to
from fusionbench.data.workers import Workers
from fusionbench.standin import clips

SEED = 2511
"""of every stand-in, whatever the seeds of the runs on it: all runs share their data"""

Progress = Callable[[int, int], None]
"""called with (clips written, clips in all)"""


@dataclass(frozen=True)
class Share:
    """The clips of one person: what one worker draws at a time."""

    split: str
    subject: int
    labels: tuple[str, ...]
    each: int
    """clips of each class"""

    @property
    def size(self) -> int:
        return len(self.labels) * self.each


def generate(
    dataset_class: type[Dataset],
    root: Path,
    *,
    seed: int = SEED,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Marker:
    """Draw the stand-in of a dataset into ``root``, all of it or nothing.

    The files depend on the class, its plan and the seed, never on the number of
    workers. They are written beside ``root`` and moved there when complete; Ctrl-C or
    a kill ends the workers and leaves nothing that a next call does not clear away.

    Args:
        dataset_class: says what to draw (``stand_in_plan``) and lays it out (``write_stand_in``).
        root: folder to make; must not exist or be empty.
        seed: base seed of people and clips.
        workers: processes; None = one a core, 1 = none but this one.
        progress: told how many clips are written.

    Raises:
        UserError: the dataset offers no stand-in, ``root`` holds something already or cannot be written.
    """
    plan = dataset_class.stand_in_plan()
    if plan is None:
        raise UserError(
            f"dataset {dataset_class.name!r} has no stand-in. Give real data with --data-root PATH."
        )
    marker = Marker(dataset_class.name, clips.VERSION, seed, planned(plan))
    with locked(root, f"another process generates {root}"):
        with writes_to(root):
            _refuse_occupied(root, dataset_class.name)
        with replacing(root) as unfinished, _told(root):
            _draw_all(
                dataset_class, unfinished, _shares(plan), seed, workers or os.cpu_count() or 1, progress
            )
            write_marker(unfinished, marker)
    return marker


@contextmanager
def _told(root: Path) -> Iterator[None]:
    """A full disk or a killed worker, as the user can mend it."""
    try:
        with writes_to(root):
            yield
    except BrokenProcessPool as error:
        raise UserError(
            f"drawing {root} stopped: a process was killed, perhaps because memory ran out. "
            "Nothing was written; try again."
        ) from error


def planned(plan: StandInPlan) -> dict[str, int]:
    """``split/label`` -> number of clips a plan asks for."""
    return {
        f"{split}/{label}": subjects * each
        for split, (subjects, each) in plan.splits.items()
        for label in plan.classes
    }


def _shares(plan: StandInPlan) -> list[Share]:
    """Each person's clips. People are numbered through all splits, so nobody is in two."""
    shares: list[Share] = []
    for split, (subjects, each) in plan.splits.items():
        first = len(shares)
        shares += [Share(split, first + number, plan.classes, each) for number in range(subjects)]
    return shares


def _draw_all(
    dataset_class: type[Dataset],
    root: Path,
    shares: list[Share],
    seed: int,
    workers: int,
    progress: Progress | None,
) -> None:
    total, done = sum(share.size for share in shares), 0
    report = progress or (lambda done, total: None)
    report(done, total)
    if workers == 1:
        for share in shares:
            done += _draw_share(dataset_class, root, share, seed)
            report(done, total)
        return
    with Workers(min(workers, len(shares))) as pool:
        futures = [pool.submit(_draw_share, dataset_class, root, share, seed) for share in shares]
        for future in as_completed(futures):
            done += future.result()
            report(done, total)


def _draw_share(dataset_class: type[Dataset], root: Path, share: Share, seed: int) -> int:
    """Draw one person's clips and write them; returns how many."""
    drawn = (
        clips.clip(label, share.split, share.subject, k, seed)
        for label in share.labels
        for k in range(share.each)
    )
    dataset_class.write_stand_in(root, drawn)
    return share.size


def _refuse_occupied(root: Path, name: str) -> None:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    found = (
        "generated data already" if root.is_dir() and read_marker(root) else "files that were not generated"
    )
    raise UserError(
        f"{root} holds {found}; nothing was changed. "
        f"Give a new folder for the stand-in of {name}, or remove that one first."
    )
