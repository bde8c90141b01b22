"""A dataset's files, decoded once into a ``FrameStore``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fusionbench.contract.dataset import Clip, ClipFrames, Dataset, Inventory, Problem
from fusionbench.contract.errors import BadClip, UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.types import POINTS
from fusionbench.contract.watch import Watch
from fusionbench.data.faces import resize_frames
from fusionbench.data.store import Store, is_store, open_store
from fusionbench.data.store_cache import cache_path, cached_stores
from fusionbench.data.store_writer import writing

PREPARATION = 1
"""raised when preparation changes, so that older stores are not reused"""
THREADS = 4
WAITING_CLIPS, WAITING_FILES = 64, 4096
"""clips that wait in memory at most, and files from which on no more than one clip a thread does"""


def frame_store(
    dataset: Dataset,
    inventory: Inventory,
    size: int,
    on_bad_clip: Literal["fail", "skip"],
    stand_in: bool,
    watch: Watch,
) -> Store:
    """The clips of an inventory as square faces, from the cache or decoded now.

    Args:
        dataset: reads the clips.
        inventory: what its scan found.
        size: side of a face in pixels.
        on_bad_clip: ``fail`` stops at the end with every bad clip listed; ``skip`` leaves them out.
        stand_in: whether the clips are generated.
        watch: told of progress, and of what was skipped.

    Returns:
        arrays ``frames`` ``(rows, 3, size, size)`` uint8 and, where every clip has them,
        ``landmarks`` ``(rows, 68, 2)`` and ``points`` ``(rows, 2, 468, 3)`` float32;
        ``made["skipped"]`` lists clips left out.

    Raises:
        UserError: clips are bad and the policy is ``fail``, or none is good.
    """
    parts = _parts(dataset, inventory, size, on_bad_clip, stand_in)
    made = {"dataset": dataset.name, "size": size, "preparation": PREPARATION}

    def make(missing: Mapping[str, Path]) -> None:
        _ingest(missing["frames"], dataset, inventory, size, on_bad_clip, stand_in, made, watch)

    wanted = {"frames": cache_path("frames", parts)}
    return cached_stores(wanted, make, "another process reads the clips into", watch)["frames"]


def cached_frames(
    dataset: Dataset, inventory: Inventory, size: int, on_bad_clip: str, stand_in: bool
) -> Store | None:
    """What ``frame_store`` would give, where the cache holds it; None where clips would be decoded."""
    path = cache_path("frames", _parts(dataset, inventory, size, on_bad_clip, stand_in))
    return open_store(path) if is_store(path) else None


def _parts(
    dataset: Dataset, inventory: Inventory, size: int, on_bad_clip: str, stand_in: bool
) -> dict[str, Any]:
    """What a frame store is made of: its key in the cache."""
    return {
        "dataset": dataset.name,
        "clips": [_source(dataset.root, clip) for clip in inventory.clips],
        "size": size,
        "preparation": PREPARATION,
        "stand_in": stand_in,
        "on_bad_clip": on_bad_clip,
    }


def _source(root: Path, clip: Clip) -> str:
    """What tells that a clip's files changed, without reading them; short, since a video has thousands."""
    return digest([asdict(clip), [_stat(root / name) for name in clip.files]])


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # reading it will say what is wrong
    return found.st_size, found.st_mtime_ns


def _ingest(
    path: Path,
    dataset: Dataset,
    inventory: Inventory,
    size: int,
    on_bad_clip: str,
    stand_in: bool,
    made: dict[str, Any],
    watch: Watch,
) -> None:
    skipped: list[Problem] = []
    landmarks_everywhere = points_everywhere = True
    with writing(path, "frames") as writer:
        for clip, decoded in _decoded(dataset, inventory.clips, size, watch):
            if isinstance(decoded, BadClip):
                skipped.append(Problem(clip.id, str(decoded)))
                continue
            arrays = {"frames": decoded.frames}
            time = len(decoded.frames)
            if decoded.landmarks is None:
                landmarks_everywhere = False
                arrays["landmarks"] = np.full((time, 68, 2), np.nan, dtype=np.float32)
            else:
                arrays["landmarks"] = decoded.landmarks.astype(np.float32)
            if decoded.points is None:
                points_everywhere = False
            if "points" in writer.forms or (points_everywhere and not writer.forms):
                arrays["points"] = _points(decoded)
            writer.append(clip, arrays)
        if skipped and on_bad_clip == "fail":
            raise UserError(_listed(skipped) + " Mend them, or add --on-bad-clip skip to go on without them.")
        if len(skipped) == len(inventory.clips):
            raise UserError(f"{_listed(skipped)} No clip is left.")
        made["skipped"] = [asdict(problem) for problem in skipped]
        made["landmarks"], made["points"] = landmarks_everywhere, points_everywhere
        writer.finish(made, stand_in)


def _decoded(
    dataset: Dataset, clips: Iterable[Clip], size: int, watch: Watch
) -> Iterator[tuple[Clip, ClipFrames | BadClip]]:
    """Clips in order, decoded a few ahead on threads (OpenCV lets the interpreter go)."""

    def decode(clip: Clip) -> ClipFrames | BadClip:
        try:
            read = dataset.read(clip)
        except BadClip as error:
            return error
        return replace(read, frames=resize_frames(read.frames, size))

    clips = list(clips)
    done = 0
    watch.progress("reading clips", done, len(clips))
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for window in _windows(clips):
            for clip, decoded in zip(window, pool.map(decode, window), strict=True):
                yield clip, decoded
                done += 1
                watch.progress("reading clips", done, len(clips))


def _windows(clips: Iterable[Clip]) -> Iterator[list[Clip]]:
    """Clips in order, so many at a time as may wait in memory: whole videos of an hour are few."""
    window: list[Clip] = []
    files = 0
    for clip in clips:
        if len(window) >= WAITING_CLIPS or (len(window) >= THREADS and files >= WAITING_FILES):
            yield window
            window, files = [], 0
        window.append(clip)
        files += len(clip.files)
    if window:
        yield window


def _points(decoded: ClipFrames) -> np.ndarray:
    """A clip's points, NaN where it has none."""
    if decoded.points is not None:
        return decoded.points.astype(np.float32)
    return np.full((len(decoded.frames), *POINTS), np.nan, dtype=np.float32)


def beside_frames(frames: Store) -> list[str]:
    """Which of landmarks and points every clip of such a store has."""
    return [name for name in ("landmarks", "points") if frames.made.get(name)]


def _listed(problems: list[Problem], most: int = 10) -> str:
    lines = [f"  {problem.clip}: {problem.reason}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"  and {len(problems) - most} more")
    return f"{len(problems)} clip(s) cannot be read:\n" + "\n".join(lines) + "\n"
