"""What stood before a trained model: from aligned faces to the model's inputs, as they were in training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from fusionbench.bench.front_end import build_front_end, weights_hash
from fusionbench.bench.model_file import Description, Part
from fusionbench.catalog.identity import source_hash
from fusionbench.catalog.plugins import ROLE_NAMES, Catalog
from fusionbench.catalog.restore import restore_component
from fusionbench.catalog.run_config import Chosen
from fusionbench.contract.blame import blaming
from fusionbench.contract.errors import UserError
from fusionbench.contract.roles import beside_maps
from fusionbench.contract.types import POINTS
from fusionbench.contract.watch import Watch
from fusionbench.data.faces import resize_frames
from fusionbench.learn.extract import CHUNK
from fusionbench.learn.front_end import APPEARANCE, RELATION

BESIDE = ("landmarks", "points")
"""what may come beside the pixels of a face"""


class FaceFront:
    """Backbone and relation encoder of a run, as far as they are not in its model.

    Args:
        about: the model's description.
        catalog: components to choose from.
        watch: told where their code has changed since.

    Raises:
        UserError: a component is gone, its weights are missing or others, or the model was kept by an
            earlier fusionbench, which did not say what stood before it.
    """

    def __init__(self, about: Description, catalog: Catalog, watch: Watch):
        self._inputs = [array.name for array in about.inputs]
        chosen = {k: _chosen(k, part, about, catalog, watch) for k, part in about.before.items()}
        backbone = chosen.get("backbone") or _in_model(about, catalog)
        self.size: int = backbone.cls.input_size(backbone.options)
        """side of the faces that are looked at, in pixels"""
        relation = chosen.get("relation")
        self.needs = [name for name in BESIDE if name in self._inputs]
        self._trunk, self._encoder = None, None
        if "backbone" in chosen:
            self._trunk, self._encoder = build_front_end(backbone, relation, BESIDE)
            self._trunk.eval()
        if self._encoder is not None:
            self._encoder.eval()
            asked = {"landmarks": self._encoder.needs_landmarks, "points": self._encoder.needs_points}
            self.needs += [name for name, wanted in asked.items() if wanted and name not in self.needs]

    def __call__(self, faces: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, Tensor]:
        """The model's inputs ``(len(rows), ...)`` of some frames.

        Args:
            faces: ``frames`` ``(time, 3, height, width)`` uint8, and what ``needs`` names.
            rows: which of them.
        """
        parts = [self._chunk(faces, rows[at : at + CHUNK]) for at in range(0, len(rows), CHUNK)]
        return {name: torch.cat([part[name] for part in parts]) for name in self._inputs}

    def black(self) -> dict[str, Tensor]:
        """The model's inputs ``(...)`` of a black image, as training padded windows with it."""
        faces: dict[str, np.ndarray] = {
            "frames": np.zeros((1, 3, self.size, self.size), np.uint8),
            "landmarks": np.zeros((1, 68, 2), np.float32),
            "points": np.zeros((1, *POINTS), np.float32),
        }
        return {name: array[0] for name, array in self._chunk(faces, np.arange(1)).items()}

    @torch.inference_mode()
    def _chunk(self, faces: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, Tensor]:
        frames = torch.from_numpy(resize_frames(np.asarray(faces["frames"][rows]), self.size))
        given = {name: torch.from_numpy(np.asarray(faces[name][rows])).float() for name in self.needs}
        found = {"frames": frames, **given}
        if self._trunk is not None:
            with blaming(self._trunk, "forward"):
                features = self._trunk(frames.float() / 255)
            found[APPEARANCE] = features.embedding.float()
            found["map"] = features.map.half()  # as it is stored for training
            if self._encoder is not None:
                beside = beside_maps(self._encoder, given.get("landmarks"), given.get("points"))
                with blaming(self._encoder, "forward"):
                    found[RELATION] = self._encoder(features.map, *beside).float()
        return {name: found[name] for name in self._inputs}


def takes_faces(about: Description) -> bool:
    """Whether a run began with faces, and not with streams that its data brought.

    Raises:
        UserError: it did, but its model does not say what stood before it.
    """
    if "backbone" not in about.config:
        return False
    if not about.before and about.backbone is None:
        raise UserError(
            f"run {about.run_id} was kept before models said what stands before them. Run it again: "
            "what its streams were made by is not known."
        )
    return True


def _chosen(kind: str, part: Part, about: Description, catalog: Catalog, watch: Watch) -> Chosen:
    owner = f"run {about.run_id}"
    chosen = restore_component(kind, part.name, part.plugin, part.version, part.options, catalog, owner)
    found = weights_hash(chosen)
    if found != part.weights:
        raise UserError(
            f"{owner}: its {ROLE_NAMES[kind]} {part.name!r} had weights of SHA-256 {part.weights}; those "
            f"here have {found}. Streams would be others than it was trained on: bring those it had."
        )
    if source_hash(chosen.cls) != part.code or chosen.version != part.version:
        watch.warn(
            f"the code of {ROLE_NAMES[kind]} {part.plugin!r} has changed since {owner} "
            f"(was {part.version}, is {chosen.version}): what it says may differ from what it said then."
        )
    return chosen


def _in_model(about: Description, catalog: Catalog) -> Chosen:
    """The backbone that learnt with the head; asked for the size of its faces only."""
    part = about.backbone
    assert part is not None  # takes_faces has looked
    return restore_component(
        "backbone", part.name, part.plugin, part.version, part.options, catalog, f"run {about.run_id}"
    )
