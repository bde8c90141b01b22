"""A contact sheet of a clip: its faces in order, so that a person sees what was cut out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from fusionbench.data.faces import write_image
from fusionbench.data.prepared_store import FILLED, FOUND, FRAMES, LANDMARKS, STATE
from fusionbench.prepare.gaps import Treated

TILE = 112
"""side of a face on the sheet, in pixels"""
COLUMNS, ROWS = 10, 5
POINTED = 5
"""faces of the last row, twice as large, with their landmarks"""
CAPTION = 14
"""pixels below a tile for its frame number"""
PAPER, INK, ALERT, DOT = (255, 255, 255), (60, 60, 60), (200, 30, 30), (60, 255, 60)


def sheet_name(number: int, clip: str) -> str:
    """A file name for a clip's sheet, whatever its id is like."""
    readable = re.sub(r"[^\w.-]+", "_", clip)[:50]
    return f"{number:05d}-{readable}.png"


def write_sheet(path: Path, clip: Treated) -> None:
    """Draw faces at even distances, red where there is none, and some with their 68 points.

    Args:
        path: file to write.
        clip: its rows.
    """
    frames = _even(len(clip), COLUMNS * ROWS)
    lines = -(-len(frames) // COLUMNS)
    sheet = np.full((lines * (TILE + CAPTION), COLUMNS * TILE, 3), PAPER, np.uint8)
    arrays = clip.rows(frames)
    for place, frame in enumerate(frames.tolist()):
        row, column = divmod(place, COLUMNS)
        face = _scaled(arrays[FRAMES][place], TILE)
        _tile(sheet, row * (TILE + CAPTION), column * TILE, face, frame, int(arrays[STATE][place]))
    marked = clip.marked()
    if len(marked):
        sheet = np.vstack([sheet, _pointed(clip.rows(marked[_even(len(marked), POINTED)]))])
    write_image(path, sheet)


def _even(count: int, most: int) -> np.ndarray:
    """At most so many of ``count`` places, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _tile(sheet: np.ndarray, top: int, left: int, face: np.ndarray, frame: int, state: int) -> None:
    sheet[top : top + TILE, left : left + TILE] = face
    words = {FOUND: "", FILLED: " filled"}.get(state, " no face")
    colour = INK if state == FOUND else ALERT
    if state != FOUND:
        cv2.rectangle(sheet, (left, top), (left + TILE - 1, top + TILE - 1), ALERT, 2)
    at = (left + 3, top + TILE + CAPTION - 4)
    cv2.putText(sheet, f"{frame}{words}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)


def _scaled(frame: np.ndarray, side: int) -> np.ndarray:
    """``(3, size, size)`` as a picture ``(side, side, 3)``."""
    face = np.ascontiguousarray(frame.transpose(1, 2, 0))
    return face if face.shape[0] == side else cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)


def _pointed(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """A line of larger faces with their landmarks."""
    side = COLUMNS * TILE // POINTED
    line = np.full((side, COLUMNS * TILE, 3), PAPER, np.uint8)
    for place, (frame, marks) in enumerate(zip(arrays[FRAMES], arrays[LANDMARKS], strict=True)):
        face = _scaled(frame, side)
        for x, y in marks * side - 0.5:
            cv2.circle(face, (round(float(x)), round(float(y))), 1, DOT, -1, cv2.LINE_AA)
        line[:, place * side : (place + 1) * side] = face
    return line
