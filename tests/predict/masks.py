"""Films of a bright square that is taken for a face with a mesh, and runs of seconds on them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import fusionbench as fb
from fusionbench.bench.outcome import Outcome
from fusionbench.bench.run import run
from fusionbench.catalog.plugins import Catalog, Plugin, collect
from fusionbench.catalog.resolve import Request
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import prepare
from fusionbench.prepare.recordings import find_recordings
from tests.prepare.films import FIVE, SIDE, film

MESH = np.load(Path(__file__).parents[1] / "aligners" / "mesh_of_a_face.npy").astype(np.float64)
"""``(468, 3)`` in [0, 1]"""
LANDMARKS = slice(0, 68)
SIZE = 48


class Masks(fb.Aligner):
    """Finds the bright square, and in it a face whose mouth opens as the square gets darker."""

    name = "masks"
    gives = frozenset({"landmarks", "mesh"})

    @classmethod
    def versions(cls, config):
        return {"masks": "1"}

    def sightings(self, footage: fb.Footage) -> Iterator[fb.Sighting]:
        for frame in footage.frames:
            rows, columns = np.nonzero(frame[..., 1] > 60)
            if not len(rows):
                yield fb.Sighting(reason="nothing bright")
                continue
            corner = np.array([columns.min(), rows.min(), 0], np.float64)
            mesh = MESH.copy()
            mesh[14, 1] += (255 - frame[rows.min() + 3, columns.min() + 3, 1]) / 2000
            placed = mesh * SIDE + corner
            box = (*corner[:2].tolist(), float(columns.max()), float(rows.max()))
            face = fb.Face(box, corner[:2] + FIVE, placed[LANDMARKS, :2], placed)
            yield fb.Sighting(face, faces=1)


def catalog() -> Catalog:
    """The installed components and the aligner."""
    whole = Catalog()
    for kind, components in collect().components.items():
        whole.components[kind] |= components
    module = types.ModuleType("masks")
    module.aligners = fb.hookimpl(lambda: [Masks])  # type: ignore[attr-defined]
    whole.add(Plugin("masks", "masks", "masks", "1.0"), module)
    return whole


def way() -> Way:
    return Way(Masks, Masks.Config(), "track", SIZE)


def films(folder: str, clips: int = 12) -> None:
    """Bright and dark films, 6 frames each, the second frame without a face; two thirds to train on."""
    for k in range(clips):
        split, label = "train" if k < 2 * clips // 3 else "report", ("bright", "dark")[k % 2]
        film(
            Path(folder, split, label, f"{k:02}.avi"), [n != 1 for n in range(6)], level=(230, 130)[k % 2] + k
        )


def trained(folder: str, store: str, **values) -> Outcome:
    """A run on a prepared store of such films."""
    films(folder)
    root, found = find_recordings(Path(folder))
    labelled = [
        replace(each, **dict(zip(("split", "label"), each.id.split("/")[:2], strict=True))) for each in found
    ]
    prepare(root, labelled, Path(store), way(), workers=0)
    asked = {
        "fusion": "concat",
        "dataset": "frames",
        "data.root": store,
        "training.epochs": 2,
        "training.batch_size": 4,
        "sampling.frames": 4,
        **values,
    }
    return run(Request(asked), None, catalog())
