"""What OpenFace 2 leaves of a video: ``<video>_aligned/`` with a face a frame, and ``<video>.csv`` beside it.

Frames are matched by the number in their name. Where OpenFace found no face it writes a black image
(TadasBaltrusaitis/OpenFace#441) or, with ``-nobadaligned``, none; its csv says ``success`` 0.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import fusionbench as fb

LARGEST_TABLE = 200_000_000
"""bytes of the csv of a video"""
_DETECTED = re.compile(r"frame_det_(\d+)_(\d+)\.\w+")
_NEWER = "frame,face_id,timestamp,confidence,success"
_OLDER = "frame, timestamp, confidence, success"


def found_faces(folder: Path, tables: Sequence[Path], counted: Counter[str]) -> list[str]:
    """Names of the images in which a face was found, in the order of their frames.

    Args:
        folder: ``<video>_aligned``.
        tables: the video's csv, if it is there; without it all images are given.
        counted: to which is added how many ``frames`` there were, and of them ``failed`` and ``unlisted``
            ones; or 1 to ``without`` where there is no csv.

    Raises:
        BadClip: a name is none of OpenFace's, the csv cannot be understood, or no face was found.
    """
    numbers: dict[str, int] = {}
    for name in sorted(
        (path.name for path in folder.iterdir() if fb.is_image(path.name)), key=fb.natural_key
    ):
        match = _DETECTED.fullmatch(name)
        if not match:
            raise fb.BadClip(f"{folder.name}/{name} is not named as OpenFace does, frame_det_00_000001.bmp")
        if int(match[1]) == 0:  # the first face of each frame
            numbers[name] = int(match[2])
    if not tables:
        counted["without"] += 1
        return list(numbers)
    succeeded = _success(tables[0])
    kept = [name for name, number in numbers.items() if succeeded.get(number)]
    counted["frames"] += len(numbers)
    counted["failed"] += sum(succeeded.get(number) is False for number in numbers.values())
    counted["unlisted"] += sum(number not in succeeded for number in numbers.values())
    if numbers and not kept:
        raise fb.BadClip(f"OpenFace found a face in none of its {len(numbers)} frames")
    return kept


def _success(path: Path) -> dict[int, bool]:
    """Frame -> whether its first face was found. Older editions name no ``face_id`` and write blanks."""
    with fb.reading("OpenFace's table", path, "Run FeatureExtraction again.", fb.BadClip):
        lines = csv.reader(fb.read_regular(path, LARGEST_TABLE).decode("utf-8-sig").splitlines())
        column = {name.strip(): k for k, name in enumerate(next(lines, []))}
        missing = [name for name in ("frame", "success") if name not in column]
        if missing:
            raise fb.BadClip(f"{path} has no column {missing[0]!r}, so failed frames cannot be told")
        return {
            int(float(line[column["frame"]])): float(line[column["success"]]) == 1
            for line in lines
            if line and ("face_id" not in column or int(line[column["face_id"]]) == 0)
        }


def write_faces(folder: Path, stem: str, frames: np.ndarray, *, older: bool) -> None:
    """Frames ``(time, height, width, 3)`` as OpenFace leaves them; one in thirteen as if it had failed."""
    aligned = folder / f"{stem}_aligned"
    aligned.mkdir()
    lines = [_OLDER if older else _NEWER]
    for t, frame in enumerate(frames, start=1):
        failed = (t + len(frames)) % 13 == 0
        fb.write_image(aligned / f"frame_det_00_{t:06d}.jpg", frame * (not failed))
        seen = [f"{t / 30:.3f}", "0.02" if failed else "0.98", str(int(not failed))]
        lines.append((", " if older else ",").join([str(t), *([] if older else ["0"]), *seen]))
    (folder / f"{stem}.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
