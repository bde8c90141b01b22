"""One recording to one small store in the cache: what a worker does, and what is there after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.aligner import Aligner, Choice, Footage, Sighting
from fusionbench.contract.errors import BadClip, FusionBenchError
from fusionbench.contract.reading import reading
from fusionbench.contract.watch import Watch
from fusionbench.data import prepared_store as names
from fusionbench.data.faces import read_images
from fusionbench.data.store import Store
from fusionbench.data.store_cache import cache_path, cached_stores
from fusionbench.data.store_writer import writing
from fusionbench.prepare.chips import cut, mapped, placed, relative
from fusionbench.prepare.gaps import Gaps, described
from fusionbench.prepare.recordings import Recording
from fusionbench.prepare.video import Progress, video_frames

PREPARATION = 1
"""raised when the same recording gives other bytes, so that older parts are not reused"""
BLOCK = 64
"""frames that are in memory at a time"""

Tell = Callable[[int, int], None]
"""called with (frames done, frames announced; 0 where unknown)"""


@dataclass(frozen=True)
class Way:
    """How recordings are prepared, but for what is done about gaps."""

    aligner: type[Aligner]
    config: Any
    """the aligner's options"""
    choice: Choice
    size: int
    """side of a face in pixels"""

    def described(self) -> dict[str, Any]:
        """As a store keeps it."""
        return {
            names.PREPARED: PREPARATION,
            "aligner": self.aligner.name,
            "options": self.config.model_dump(mode="json"),
            "versions": dict(self.aligner.versions(self.config)),
            "face": self.choice,
            "size": self.size,
        }


@dataclass(frozen=True)
class Counted:
    """What was found in one recording."""

    frames: int
    found: int
    most_faces: int
    """at once, in a frame where the aligner looked for all of them"""
    gaps: tuple[tuple[int | str, ...], ...] = ()
    """``(first frame, last frame, reason)``"""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "gaps": [list(gap) for gap in self.gaps]}


def part_path(root: Path, recording: Recording, described: Mapping[str, Any]) -> Path:
    """Where a recording's part lies: known by its files and by how it is made."""
    files = [_stat(root / name) for name in recording.files]
    return cache_path("prepared", {"id": recording.id, "files": files, "way": dict(described)})


def prepare_part(root: Path, recording: Recording, way: Way, path: Path, tell: Tell) -> Counted:
    """Prepare one recording into the store at ``path``, unless it is there.

    Raises:
        BadClip: it cannot be read, or shows no face at all.
        UserError: the aligner cannot work, or nothing can be written.
    """

    def make(missing: Mapping[str, Path]) -> None:
        first = root / recording.files[0]
        with reading("", first, "Mend it, or leave it out.", BadClip), writing(path, "frames") as writer:
            counts = _Counts()
            writer.append_blocks(recording.clip, _blocks(root, recording, way, counts, tell))
            if not counts.found:
                raise BadClip(
                    f"{first}: no face in any of its {counts.frames} frames: "
                    f"{described(counts.gaps.stretches)}. Leave it out, or try another aligner."
                )
            writer.finish({"counted": counts.plain()}, stand_in=False)

    store = cached_stores({"part": path}, make, "another process prepares", Watch())["part"]
    return counted(store)


def counted(part: Store) -> Counted:
    """What was found in the recording of a part."""
    about = part.made["counted"]
    return Counted(
        about["frames"], about["found"], about["most_faces"], tuple(tuple(gap) for gap in about["gaps"])
    )


class _Counts:
    """Counts while sightings come."""

    def __init__(self) -> None:
        self.frames = self.found = self.most_faces = 0
        self.gaps = Gaps()

    def add(self, sighting: Sighting, found: bool) -> None:
        self.most_faces = max(self.most_faces, sighting.faces)
        self.found += found
        if not found:
            self.gaps.add(self.frames, sighting.reason or "no face found")
        self.frames += 1

    def plain(self) -> dict[str, Any]:
        counts = Counted(
            self.frames, self.found, self.most_faces, tuple(tuple(gap) for gap in self.gaps.stretches)
        )
        return counts.plain()


class _Frames:
    """A recording's frames, and what is known of them while they are taken."""

    def __init__(self, root: Path, recording: Recording):
        self.seen = Progress()
        self.current: np.ndarray | None = None
        """the frame taken last"""
        self.taken = 0
        paths = [root / name for name in recording.files]
        self.path = paths[0]
        if recording.kind == "images":
            self.seen.announced = len(paths)
            self.seen.seconds = float("nan")
            self._source: Iterator[np.ndarray] = (read_images([path])[0].transpose(1, 2, 0) for path in paths)
        elif recording.kind == "video":
            self._source = video_frames(self.path, self.seen)
        else:
            self._source = iter(())

    def __iter__(self) -> Iterator[np.ndarray]:
        for frame in self._source:
            self.taken += 1
            self.current = frame
            yield frame


def _blocks(
    root: Path, recording: Recording, way: Way, counts: _Counts, tell: Tell
) -> Iterator[dict[str, np.ndarray]]:
    """A recording's rows, some frames at a time."""
    frames = _Frames(root, recording)
    iterator = iter(frames)
    aligner = way.aligner(way.config, way.choice, way.size)
    rows: list[dict[str, np.ndarray]] = []
    for sighting in aligner.sightings(Footage(frames.path, iterator)):
        if frames.taken not in (0, counts.frames + 1):
            raise _out_of_step(way, frames, counts)
        row, found = _row(sighting, frames, way)
        counts.add(sighting, found)
        rows.append(row)
        if len(rows) == BLOCK:
            yield {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            rows.clear()
            tell(counts.frames, frames.seen.announced)
    if frames.taken and (frames.taken != counts.frames or next(iterator, None) is not None):
        raise _out_of_step(way, frames, counts)
    if not counts.frames:
        raise BadClip(f"{frames.path}: there is no frame in it. Leave it out.")
    if rows:
        yield {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    tell(counts.frames, counts.frames)


def _out_of_step(way: Way, frames: _Frames, counts: _Counts) -> FusionBenchError:
    return FusionBenchError(
        f"aligner {way.aligner.name!r} took {frames.taken} frames of {frames.path} for {counts.frames + 1} "
        "sightings. It must give one for each frame before it takes the next, and take them all."
    )


def _row(sighting: Sighting, frames: _Frames, way: Way) -> tuple[dict[str, np.ndarray], bool]:
    """One frame's entry of every array, and whether it shows a face."""
    chip = np.zeros((way.size, way.size, 3), np.uint8)
    place = np.full((2, 3), np.nan)
    points = {names.LANDMARKS: np.full((68, 2), np.nan, np.float32)}
    if "mesh" in way.aligner.gives:
        points[names.MESH] = np.full((468, 3), np.nan, np.float32)
    face = sighting.face
    found = (face is not None and frames.current is not None) or sighting.chip is not None
    if sighting.chip is not None:
        chip = sighting.chip
    elif face is not None and frames.current is not None:
        place = placed(face.points, way.size)
        chip = cut(frames.current, place, way.size)
        for name in points:
            given = getattr(face, name)
            if given is not None:
                points[name] = relative(mapped(given, place), way.size)
    seconds = frames.seen.seconds if sighting.time is None else sighting.time
    return {
        names.FRAMES: np.ascontiguousarray(chip.transpose(2, 0, 1)),
        **points,
        names.STATE: np.array(names.FOUND if found else names.GAP, np.uint8),
        names.PLACE: place.astype(np.float32),
        names.TIME: np.array(seconds, np.float64),
    }, found


def _stat(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except OSError:
        return str(path.absolute()), 0, 0  # reading it says what is wrong
    return str(path.absolute()), about.st_size, about.st_mtime_ns
