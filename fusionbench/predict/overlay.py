"""A clip's own video again, with the face's box, its mesh and what was said drawn into every frame."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.contract.writing import check_path, written_whole
from fusionbench.data.faces import read_images
from fusionbench.data.prepared_store import FOUND, FRAMES, LANDMARKS, MESH, PLACE, REST, STATE, TIME
from fusionbench.predict.course import Course
from fusionbench.prepare.recordings import Recording
from fusionbench.prepare.video import video_frames

FORMS = ("mp4",)
RATE = 25.0
"""frames a second where the recording does not say"""
BOX, LINES, DOTS = (255, 255, 255), (120, 210, 255), (60, 255, 60)
THIN = 0.35
"""how strongly the mesh covers the face"""
LETTERS = 0.045
"""height of the letters, of the picture's height"""
SMALLEST = 11
"""pixels"""
SHIFT = 4
"""bits of a pixel's fraction in OpenCV's coordinates"""


def check_overlay_path(path: Path) -> None:
    """Says whether a video can be written to ``path``, before anything is computed for it.

    Raises:
        UserError: as ``check_path``.
    """
    check_path(path, "a video", FORMS)


def write_overlay(
    path: Path, recording: Recording, arrays: Mapping[str, np.ndarray], course: Course, watch: Watch
) -> None:
    """Write a video as long as the recording.

    Args:
        path: file to write, an mp4.
        recording: with absolute files.
        arrays: the clip's rows of a prepared store.
        course: what was said of it.
        watch: told of progress, in frames.

    Raises:
        UserError: no video can be written here.
        BadClip: the recording cannot be read any more.
    """
    total, writer = len(arrays[STATE]), None
    edges = _edges(arrays[REST][0]) if REST in arrays else np.zeros((0, 2), int)
    with written_whole(path) as aside:
        film = aside.with_name(f"{aside.name}.mp4")  # the suffix chooses the container
        try:
            for number, frame in enumerate(_frames(recording)):
                drawn = _drawn(frame.copy(), number, arrays, course, edges)
                if writer is None:
                    writer = _writer(film, path, drawn.shape, _rate(arrays[TIME]))
                writer.write(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
                watch.progress("drawing (frames)", number + 1, total)
            if writer is not None:
                writer.release()
            film.replace(aside)
        finally:
            if writer is not None:
                writer.release()
            film.unlink(missing_ok=True)


def _frames(recording: Recording) -> Iterator[np.ndarray]:
    if recording.kind == "video":
        yield from video_frames(Path(recording.files[0]))
        return
    first: tuple[int, int] | None = None
    for name in recording.files:
        frame = read_images([Path(name)])[0].transpose(1, 2, 0)
        first = first or frame.shape[:2]  # a video has one size
        yield np.ascontiguousarray(frame if frame.shape[:2] == first else cv2.resize(frame, first[::-1]))


def _writer(film: Path, path: Path, shape: tuple[int, ...], rate: float) -> cv2.VideoWriter:
    height, width = shape[:2]
    writer = cv2.VideoWriter(
        str(film), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width - width % 2, height - height % 2)
    )
    if not writer.isOpened():
        raise UserError(
            f"no video can be written to {path}: OpenCV here has no encoder for it. Leave out --overlay."
        )
    return writer


def _rate(seconds: np.ndarray) -> float:
    """Frames a second, on average."""
    spent = float(seconds[-1] - seconds[0])
    return (len(seconds) - 1) / spent if np.isfinite(spent) and spent > 0 else RATE


def _edges(mesh: np.ndarray) -> np.ndarray:
    """``(edges, 2)`` pairs of points that a Delaunay triangulation of the face joins."""
    from scipy.spatial import Delaunay

    triangles = Delaunay(mesh[:, :2]).simplices
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _drawn(
    frame: np.ndarray, number: int, arrays: Mapping[str, np.ndarray], course: Course, edges: np.ndarray
) -> np.ndarray:
    height, width = frame.shape[:2]
    frame = np.ascontiguousarray(frame[: height - height % 2, : width - width % 2])  # as encoders want it
    corner = (4, 4)
    size = arrays[FRAMES].shape[-1]
    place = arrays[PLACE][number].astype(np.float64)
    if arrays[STATE][number] == FOUND and np.isfinite(place).all():
        back = cv2.invertAffineTransform(place)
        outline = _in_frame(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64), back, size)
        if MESH in arrays:
            mesh = _in_frame(arrays[MESH][number, :, :2], back, size)
            over = frame.copy()
            cv2.polylines(over, list(_fixed(mesh[edges])), False, LINES, 1, cv2.LINE_AA, SHIFT)
            frame = cv2.addWeighted(over, THIN, frame, 1 - THIN, 0)
            outline = _around(mesh)
        elif np.isfinite(arrays[LANDMARKS][number]).all():
            for point in _fixed(_in_frame(arrays[LANDMARKS][number], back, size)):
                cv2.circle(frame, point.tolist(), 1 << SHIFT, DOTS, -1, cv2.LINE_AA, SHIFT)
        cv2.polylines(frame, [_fixed(outline)], True, BOX, 1, cv2.LINE_AA, SHIFT)
        corner = (int(outline[:, 0].min()), int(outline[:, 1].min()))
    _write(frame, _label(course, number), corner)
    if course.stand_in:
        _write(frame, "trained on generated data (stand-in)", (4, frame.shape[0]))
    return frame


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def _in_frame(points: np.ndarray, back: np.ndarray, size: int) -> np.ndarray:
    """Points in [0, 1] of the face to pixels of the recording."""
    return (points * size - 0.5) @ back[:, :2].T + back[:, 2]


def _around(mesh: np.ndarray) -> np.ndarray:
    (left, top), (right, bottom) = mesh.min(axis=0), mesh.max(axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _label(course: Course, frame: int) -> str:
    window = course.at(frame)
    if window is None:
        return "no face"
    return f"{course.predicted(window)} {100 * course.probabilities[window].max():.0f} %"


def _write(frame: np.ndarray, text: str, corner: tuple[int, int]) -> None:
    """Letters on a dark ground, their lower left corner as near to ``corner`` as the picture allows."""
    patch = _lettered(text, max(round(LETTERS * frame.shape[0]), SMALLEST))[
        : frame.shape[0], : frame.shape[1]
    ]
    high, wide = patch.shape[:2]
    left = min(max(corner[0], 0), frame.shape[1] - wide)
    top = min(max(corner[1] - high, 0), frame.shape[0] - high)
    frame[top : top + high, left : left + wide] = patch


@functools.lru_cache(512)
def _lettered(text: str, size: int) -> np.ndarray:
    """``(height, width, 3)`` a line of text in any alphabet that matplotlib's font has."""
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(findfont("DejaVu Sans"), size)
    ascent, descent = font.getmetrics()
    wide = round(font.getlength(text)) + 8
    image = Image.new("RGB", (wide, ascent + descent + 2), (20, 20, 20))
    ImageDraw.Draw(image).text((4, 1), text, (255, 255, 255), font)
    return np.asarray(image)
