"""Recordings over worker processes: each prepared once, progress in frames, a bad one told and passed."""

from __future__ import annotations

from collections.abc import Iterator, MutableSequence, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from fusionbench.contract.dataset import Problem
from fusionbench.contract.errors import BadClip, UserError
from fusionbench.contract.processes import spawn_context
from fusionbench.contract.watch import Watch
from fusionbench.data.workers import Workers
from fusionbench.prepare.part import Counted, Way, part_path, prepare_part
from fusionbench.prepare.recordings import Recording

TASK = "preparing (frames)"
BEGUN = -1
"""in place of the frames announced, as long as nobody knows how many they are"""
EVERY = 0.25
"""seconds between looks at what the workers have done"""


def prepare_all(
    root: Path, recordings: Sequence[Recording], way: Way, workers: int, watch: Watch
) -> list[tuple[Path, Counted | Problem]]:
    """Where each recording's part lies, and what was found in it or why there is none.

    Args:
        root: what the recordings' files are relative to.
        recordings: what to prepare.
        way: how.
        workers: processes; 0 does it in this one.
        watch: told of frames done.

    Raises:
        UserError: the aligner cannot work, nothing can be written, or a worker was killed.
    """
    described = way.described()
    paths = [part_path(root, recording, described) for recording in recordings]
    shared: MutableSequence[int] = (
        spawn_context().RawArray("q", 2 * len(recordings)) if workers else [0] * (2 * len(recordings))
    )
    progress = _Progress([_bytes(root, recording) for recording in recordings], shared, watch)
    if not workers:
        done = []
        for number, (recording, path) in enumerate(zip(recordings, paths, strict=True)):
            done.append(_prepared(root, recording, way, path, number, shared, progress))
            progress.finished(number)
        return list(zip(paths, done, strict=True))
    with Workers(min(workers, len(recordings)), enter=_enter, arguments=(shared,)) as pool:
        futures = {
            pool.submit(_in_worker, root, recording, way, path, number): number
            for number, (recording, path) in enumerate(zip(recordings, paths, strict=True))
        }
        results: dict[int, Counted | Problem] = {}
        for future in _completed(list(futures), progress):
            number = futures[future]
            results[number] = _result(future, [recordings[n].id for n in progress.running()])
            progress.finished(number)
    return [(path, results[number]) for number, path in enumerate(paths)]


def _completed(futures: list[Future[Any]], progress: _Progress) -> Iterator[Future[Any]]:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, EVERY, FIRST_COMPLETED)
        progress.show()
        yield from done


def _result(future: Future[Any], running: list[str]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise UserError(
            f"preparing stopped at {' or '.join(map(repr, running)) or 'its start'}: a worker was killed, "
            "perhaps because memory ran out, or its decoder crashed. What was finished is kept; the same "
            "command goes on, with --workers 1 in less memory. Where it stops there again, move the video "
            "away."
        ) from error


class _Progress:
    """Frames done of frames in all; those of recordings that were not opened yet are estimated by bytes."""

    def __init__(self, sizes: list[int], shared: MutableSequence[int], watch: Watch):
        self._sizes, self._shared, self._watch = sizes, shared, watch
        self._ended: set[int] = set()
        self._told = (0, 0)

    def finished(self, number: int) -> None:
        """A recording is done, well or badly."""
        self._ended.add(number)
        self.show()

    def running(self) -> list[int]:
        """Recordings that were begun and are not done."""
        return [n for n, all_ in enumerate(self._shared[1::2]) if all_ and n not in self._ended]

    def show(self) -> None:
        """Tell what is known now."""
        done = list(self._shared[0::2])
        announced = [
            frames if number in self._ended else max(frames, all_)
            for number, (frames, all_) in enumerate(zip(done, self._shared[1::2], strict=True))
        ]
        known = [n for n, frames in enumerate(announced) if frames or n in self._ended]
        size = sum(self._sizes[n] for n in known)
        rest = sum(self._sizes) - size
        total = sum(announced)
        if rest and size and total:
            total += max(round(total * rest / size), len(self._sizes) - len(known))
        now = sum(done), max(total, sum(done))
        if now != self._told and now[0]:
            self._told = now
            self._watch.progress(TASK, *now)


def _bytes(root: Path, recording: Recording) -> int:
    try:
        return (root / recording.files[0]).stat().st_size * len(recording.files)
    except OSError:
        return 0


def _prepared(
    root: Path,
    recording: Recording,
    way: Way,
    path: Path,
    number: int,
    shared: MutableSequence[int],
    progress: _Progress | None = None,
) -> Counted | Problem:
    def tell(done: int, announced: int) -> None:
        shared[2 * number : 2 * number + 2] = [done, announced]
        if progress:
            progress.show()

    shared[2 * number + 1] = BEGUN
    try:
        found = prepare_part(root, recording, way, path, tell)
    except BadClip as error:
        return Problem(recording.id, str(error))
    tell(found.frames, found.frames)  # it may have been there
    return found


# What follows runs in the worker.

_shared: MutableSequence[int] = []


def _enter(shared: MutableSequence[int]) -> None:
    """One thread a worker: videos are what is done side by side."""
    import cv2

    cv2.setNumThreads(1)
    _shared[:] = []
    globals()["_shared"] = shared


def _in_worker(root: Path, recording: Recording, way: Way, path: Path, number: int) -> Counted | Problem:
    return _prepared(root, recording, way, path, number, _shared)
