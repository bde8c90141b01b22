"""The aligner ``mesh``: BlazeFace finds a face, FaceMesh follows it by its own points.

Both networks run as their authors released them, by the runtime ``ai-edge-litert``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from pydantic import Field

import fusionbench as fb

from . import blazeface, face_mesh

RUNTIME = "ai-edge-litert"
NETWORKS = ("blazeface", "face_mesh")
NONE = "no face found"
UNCLEAR = "a face, but covered or turned away"
NOT_THE_ONE = "a face, but not the one that is followed"


class Mesh(fb.Aligner):
    """468 points of a face by BlazeFace and FaceMesh, 68 of them in iBUG's numbering."""

    name = "mesh"
    gives = frozenset({"landmarks", "mesh"})

    class Config(fb.Config):
        look: int = Field(
            25,
            ge=1,
            description="frames after which the detector looks again for all faces, while one is followed",
        )

    config: Config

    @classmethod
    def missing(cls, config: Any) -> str | None:
        if importlib.util.find_spec("ai_edge_litert") is None:
            return f"{RUNTIME} is not installed: pip install 'fusionbench[faces]'"
        absent = [name for name in NETWORKS if not fb.has_weights(name)]
        return f"its networks are not here: fusionbench weights get {' '.join(absent)}" if absent else None

    @classmethod
    def versions(cls, config: Any) -> Mapping[str, str]:
        return {
            RUNTIME: importlib.metadata.version(RUNTIME),
            **{name: fb.weights_hash(name) for name in NETWORKS},
        }

    def sightings(self, footage: fb.Footage) -> Iterator[fb.Sighting]:
        detector, mesher = (_Network(name) for name in NETWORKS)
        before: fb.Face | None = None
        reason = NONE
        since = lost = 0
        for frame in footage.frames:
            seen = 0
            followed = None
            if self.choice == "track" and not lost and before is not None and before.mesh is not None:
                followed = _meshed(mesher, frame, face_mesh.place_from_mesh(before.mesh))
            since += 1
            if followed is None or since >= self.config.look:
                since = 0
                faces = _detected(detector, frame)
                seen = len(faces)
                if followed is None:
                    chosen = fb.chosen_face(faces, self.choice, frame.shape, before, lost)
                    reason = NOT_THE_ONE if faces and not chosen else UNCLEAR if faces else NONE
                    followed = chosen and _meshed(mesher, frame, _place(chosen))
            if followed is None:
                lost += 1
                yield fb.Sighting(faces=seen, reason=reason)
                continue
            before, lost = followed, 0
            yield fb.Sighting(followed, faces=max(seen, 1))


def _place(face: fb.Face) -> np.ndarray:
    """Where FaceMesh looks for a face that was detected."""
    return face_mesh.crop_place(np.array(face.centre), face.side, face.points[0], face.points[1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what a library writes to the process's stderr past Python from it."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)


class _Network:
    """One of the two, on one thread: the same bytes on every run."""

    def __init__(self, name: str):
        from ai_edge_litert.interpreter import Interpreter

        with _quiet():  # it tells of its delegate, over a progress bar
            self._run = Interpreter(model_path=str(fb.released_weights(name)), num_threads=1)
            self._run.allocate_tensors()
        self._input = self._run.get_input_details()[0]["index"]
        self._outputs = {
            int(np.prod(each["shape"])): each["index"] for each in self._run.get_output_details()
        }

    def __call__(self, image: np.ndarray) -> dict[int, np.ndarray]:
        """Outputs by their number of values, flat.

        Args:
            image: ``(side, side, 3)`` float32.
        """
        self._run.set_tensor(self._input, image[None])
        self._run.invoke()
        return {size: self._run.get_tensor(place).reshape(-1) for size, place in self._outputs.items()}


def _detected(detector: _Network, frame: np.ndarray) -> list[fb.Face]:
    """All faces of a frame, with the detector's six points as far as they are five."""
    box, scaled = blazeface.letterbox(*frame.shape[:2])
    square = np.zeros((blazeface.SIDE, blazeface.SIDE, 3), np.uint8)
    small = cv2.resize(frame, scaled, interpolation=cv2.INTER_AREA)
    square[box.top : box.top + small.shape[0], box.left : box.left + small.shape[1]] = small
    found = detector(square.astype(np.float32) / 127.5 - 1)
    faces = []
    for face in blazeface.decoded(found[896 * 16].reshape(896, 16), found[896]):
        left, top, right, bottom = box.back(face.box.reshape(2, 2)).reshape(4).tolist()
        points = box.back(face.points)
        mouth = np.stack([points[3], points[3]])  # one point of the mouth is known
        faces.append(fb.Face((left, top, right, bottom), np.concatenate([points[:3], mouth])))
    return faces


def _meshed(mesher: _Network, frame: np.ndarray, place: np.ndarray) -> fb.Face | None:
    """The face inside a crop, or None where there is none."""
    if not np.isfinite(place).all():
        return None
    size = (face_mesh.SIDE, face_mesh.SIDE)
    crop = cv2.warpAffine(frame, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    found = mesher(crop.astype(np.float32) / 255)
    presence = 1 / (1 + np.exp(-float(found[1][0])))
    if presence <= face_mesh.PRESENT:
        return None
    mesh = face_mesh.in_frame(found[face_mesh.POINTS * 3], place)
    if not np.isfinite(mesh).all():
        return None
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return fb.Face(box, face_mesh.five_points(mesh), mesh[list(face_mesh.IBUG), :2], mesh)


@fb.hookimpl
def aligners() -> list[type[fb.Aligner]]:
    return [Mesh]
