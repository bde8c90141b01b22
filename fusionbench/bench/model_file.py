"""A trained model on disk: all its tensors in one safetensors file, and in JSON what builds it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from pydantic import Field, PositiveInt, ValidationError
from torch import Tensor

from fusionbench.catalog.run_config import FrontEndOptions
from fusionbench.contract.errors import UserError
from fusionbench.contract.options import Config

FORMAT = 2
"""of the two files; a reader refuses newer ones. 1 did not say what made inputs of faces"""
FOLDER, DESCRIPTION, WEIGHTS = "model", "model.json", "model.safetensors"
"""artifact folder of a run, and the two files in it"""
LARGEST_DESCRIPTION = 2**24
"""bytes of JSON that are read; a thousand classes and streams are far below"""


class Part(Config):
    """A component that the model is built of."""

    name: str
    """as the user gave it: a plugin's or a preset's name"""
    plugin: str
    version: str
    code: str
    """hash of its source"""
    options: dict[str, Any]
    weights: str | None = None
    """SHA-256 of the file that it took its weights from, of what stands before the model"""


class Array(Config):
    """Something of a batch, under its name."""

    name: str
    shape: tuple[PositiveInt, ...] = Field(min_length=1)
    """sizes behind (batch, time)"""


class Description(Config):
    """What builds a model again, and where it is from."""

    format: int
    fusionbench: str
    """version that wrote it"""
    toolkit: str
    """hash of the code that heads share"""
    name: str
    """of the run: ``arpg/afew/s0``"""
    run_id: str
    identity: str
    fold: str
    selected_epoch: int
    """whose weights these are"""
    stand_in: bool
    classes: tuple[str, ...] = Field(min_length=1)
    """in the order of the logits"""
    inputs: tuple[Array, ...] = Field(min_length=1)
    """what the model takes, in order"""
    streams: tuple[Array, ...] = Field(min_length=1)
    """what the head sees, in order"""
    max_time: int = Field(ge=1)
    """the longest clip it was built for, in frames"""
    frames: int | None
    """how many are taken of each clip; None = all"""
    front_end: FrontEndOptions
    fusion: Part
    relation: Part | None = None
    """where it learnt with the head, and so is in the model"""
    backbone: Part | None = None
    """likewise"""
    config: dict[str, Any]
    """the run's, resolved"""
    before: dict[str, Part] = {}
    """kind -> what made inputs of faces and is not in the model, since it did not learn"""
    preparation: dict[str, Any] | None = None
    """how the faces of the training clips were found and cut out, where that is known"""
    single_frames: bool = False
    """True where frames were labelled one by one, and each was seen through a window of its clip"""
    each_step: bool = False
    """True where the steps of a clip were labelled, all at once"""
    clip_frames: PositiveInt | None = None
    """median length of the training clips, in frames; not kept in format 1"""
    longest_clip: PositiveInt | None = None
    """of all clips of the run, in frames; likewise"""

    @property
    def parts(self) -> dict[str, Part]:
        """The components in the model, by kind."""
        of = {"fusion": self.fusion, "relation": self.relation, "backbone": self.backbone}
        return {kind: part for kind, part in of.items() if part is not None}


def write_model(folder: Path, tensors: Mapping[str, Tensor], about: Description) -> tuple[Path, Path]:
    """Write both files into a folder that exists; the description holds the hash of the weights."""
    weights, description = folder / WEIGHTS, folder / DESCRIPTION
    content = safetensors.torch.save(dict(tensors), {"format": "pt"})
    weights.write_bytes(content)
    described = {**about.model_dump(mode="json"), "sha256": hashlib.sha256(content).hexdigest()}
    description.write_text(json.dumps(described, indent=1), encoding="utf-8")
    return description, weights


def read_model(description: Path, weights: Path) -> tuple[Description, dict[str, Tensor]]:
    """Read both files; nothing in them can run code.

    Raises:
        UserError: names the file that is missing, damaged, of a newer format, or not of the other one.
    """
    described = _described(description)
    sha256 = described.pop("sha256", None)
    try:
        about = Description.model_validate(described)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{description} does not describe a model: {key}: {first['msg']}. Get it again."
        ) from error
    content = _content(weights)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{weights} is not the file that {description} describes: its SHA-256 is another. "
            "It is damaged, or of another run. Get both files again."
        )
    try:
        # Copies: where a tensor begins in memory decides how products are summed, and so the last digit.
        return about, {name: tensor.clone() for name, tensor in safetensors.torch.load(content).items()}
    except Exception as error:  # whatever a file can do to a reader, it is the file's fault
        raise UserError(f"{weights} is no safetensors file ({error}). Get it again.") from error


def _described(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(_content(path, LARGEST_DESCRIPTION))
        version = described["format"] if isinstance(described, dict) else None
    except (ValueError, KeyError, RecursionError) as error:
        raise UserError(f"{path} does not describe a model: {error!r}. Get it again.") from error
    if not isinstance(version, int):
        raise UserError(f"{path} does not describe a model: it has no format number. Get it again.")
    if version > FORMAT:
        raise UserError(
            f"{path} has format {version}; this fusionbench reads up to {FORMAT}. "
            "A newer version wrote it: upgrade fusionbench."
        )
    return described


def _content(path: Path, largest: int | None = None) -> bytes:
    if not path.is_file():
        raise UserError(
            f"no file {path}. A model is kept in two files side by side, {DESCRIPTION} and {WEIGHTS}."
        )
    try:
        with path.open("rb") as file:
            content = file.read(-1 if largest is None else largest + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if largest is not None and len(content) > largest:
        raise UserError(f"{path} does not describe a model: it is larger than {largest // 2**20} MB.")
    return content
