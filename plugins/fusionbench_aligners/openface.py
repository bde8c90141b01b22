"""The aligner ``openface``: reads what OpenFace 2 wrote, or runs its program where it is installed.

``FeatureExtraction -f v.avi -out_dir D -simalign`` writes ``D/v.csv`` and
``D/v_aligned/frame_det_00_000001.bmp``. Editions differ: older ones have no face number, neither
in the table nor in the names of images, and a blank after every comma. A frame in which no face
was found is a black image, or has none; rows may be fewer than frames. OpenFace's licence allows
academic, non-commercial use.
"""

from __future__ import annotations

import csv
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fusionbench as fb

from .ready import is_black, scaled

PROGRAM = "FeatureExtraction"
LARGEST_TABLE = 2_000_000_000
"""bytes of a csv"""
IMAGE = re.compile(r"frame_det_(?:(\d{1,3})_)?(\d{6,})\.\w+")
"""face number, frame number"""
BLACK = 8
"""brightest value of an image that stands for a frame without a face; JPEG blurs"""
NEEDED = ("frame", "success")


@dataclass
class Row:
    """What the table says of one face in one frame."""

    face: int
    seconds: float | None
    success: bool
    side: float | None
    """longer side of the face's landmarks, in pixels"""


class OpenFace(fb.Aligner):
    """OpenFace 2: its output, read; or its program, run where it is installed."""

    name = "openface"

    @classmethod
    def versions(cls, config: Any) -> Mapping[str, str]:
        return {PROGRAM: "2 (it does not tell its version)"}

    def sightings(self, footage: fb.Footage) -> Iterator[fb.Sighting]:
        if self.choice == "central":
            raise fb.UserError(
                "aligner openface: its output does not tell the size of frames, so none of several faces can "
                "be called central. Choose --face largest or --face track."
            )
        if footage.path.suffix.lower() == ".csv":
            yield from self._read(footage.path)
            return
        with tempfile.TemporaryDirectory(prefix="fusionbench-") as folder:
            yield from self._read(self._run(footage.path, Path(folder)))

    def _run(self, video: Path, folder: Path) -> Path:
        """Run the program on a video; returns the table it wrote."""
        program = fb.find_program(PROGRAM)
        if program is None:
            raise fb.UserError(
                f"aligner openface: no program {PROGRAM} on PATH. Install OpenFace 2, or run it elsewhere "
                "with -simalign and give the folder that it wrote: fusionbench prepare FOLDER --out STORE."
            )
        options = ["-2Dfp", "-simalign", "-simsize", str(self.size), "-nomask", "-format_aligned", "png"]
        command = [program, "-f", str(video.absolute()), "-out_dir", str(folder), *options]
        done = subprocess.run(
            command,
            cwd=folder,
            env=fb.child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        tables = sorted(folder.glob("*.csv"))
        if done.returncode or not tables:
            said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            raise fb.BadClip(f"{video}: {PROGRAM} ended with {done.returncode}: {said[-1] if said else ''}.")
        return tables[0]

    def _read(self, table: Path) -> Iterator[fb.Sighting]:
        """A sighting for every frame that the table or an image names, from the first on."""
        with fb.reading("", table, "Run OpenFace again, or leave the clip out.", fb.BadClip):
            rows = _rows(table)
            images = _images(table.with_name(f"{table.stem}_aligned"))
            last = max((frame for _, frame in (*images, *((0, frame) for frame in rows))), default=0)
            if not images:
                raise fb.BadClip(
                    f"{table}: no aligned faces beside it ({table.stem}_aligned/). "
                    f"Run {PROGRAM} with -simalign."
                )
            followed = Counter(row.face for found in rows.values() for row in found if row.success)
            best = min(followed, key=lambda face: (-followed[face], face)) if followed else 0
        for frame in range(1, last + 1):
            yield self._sighting(frame, rows.get(frame, []), images, best)

    def _sighting(
        self, frame: int, rows: list[Row], images: Mapping[tuple[int, int], Path], best: int
    ) -> fb.Sighting:
        seconds = next((row.seconds for row in rows if row.seconds is not None), None)
        found = [row for row in rows if row.success]
        if not rows:
            return fb.Sighting(reason="no row in OpenFace's table")
        if not found:
            return fb.Sighting(reason="OpenFace found no face (success 0)", time=seconds)
        if self.choice == "track":
            found = [row for row in found if row.face == best]
            if not found:
                return fb.Sighting(
                    faces=len(rows), reason="the face that is followed is not there", time=seconds
                )
        row = max(found, key=lambda row: (row.side or 0.0, -row.face))
        path = images.get((row.face, frame))
        if path is None:
            return fb.Sighting(reason="OpenFace wrote no image", time=seconds)
        image = fb.read_images([path])[0].transpose(1, 2, 0)
        if is_black(image, BLACK):
            return fb.Sighting(reason="OpenFace wrote a black image", time=seconds)
        return fb.Sighting(chip=scaled(image, self.size), faces=len(found), time=seconds)


def _rows(table: Path) -> dict[int, list[Row]]:
    """Frame number -> its rows."""
    rows: dict[int, list[Row]] = {}
    with fb.open_regular(table, LARGEST_TABLE) as file:
        reader = csv.reader(line.decode("utf-8-sig", "replace") for line in file)
        header = [name.strip() for name in next(reader, [])]
        place = {name: number for number, name in enumerate(header)}
        missing = [name for name in NEEDED if name not in place]
        if missing:
            raise fb.BadClip(
                f"{table}: no column {missing[0]}, so not a table of OpenFace. "
                f"It has {', '.join(header[:6]) or 'none'}."
            )
        sides = [[place[f"{axis}_{k}"] for k in range(68) if f"{axis}_{k}" in place] for axis in "xy"]
        for line in reader:
            if not line:
                continue
            if len(line) != len(header):
                raise fb.BadClip(
                    f"{table}, line {reader.line_num}: {len(line)} values for {len(header)} columns. "
                    "It was cut off; run OpenFace again."
                )
            spread = [[float(line[k]) for k in columns] for columns in sides]
            row = Row(
                int(float(line[place["face_id"]])) if "face_id" in place else 0,
                float(line[place["timestamp"]]) if "timestamp" in place else None,
                float(line[place["success"]]) > 0,
                max(max(values) - min(values) for values in spread) if all(spread) else None,
            )
            rows.setdefault(int(float(line[place["frame"]])), []).append(row)
    return rows


def _images(folder: Path) -> dict[tuple[int, int], Path]:
    """(face number, frame number) -> its aligned image."""
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        match = IMAGE.fullmatch(path.name)
        if match and fb.is_image(path.name):
            found[int(match[1] or 0), int(match[2])] = path
    return found


@fb.hookimpl
def aligners() -> list[type[fb.Aligner]]:
    return [OpenFace]
