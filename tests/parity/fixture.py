"""One stored reference output: its tensors, its config, and the weights a formula stands for.

A folder of fixtures holds ``MANIFEST.json``, which describes every file, and
``FORMULA.json``, which states how weights and inputs too large to store are computed:
every number is a hash of its tensor's name and its index, so nothing of it is random.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor


@dataclass(frozen=True)
class Fixture:
    """One file of a fixture folder, with its entry in the manifest."""

    name: str
    """file name without its ending: ``mult_two_stream``"""
    path: Path
    entry: dict[str, Any]
    """``config``, ``fill``, ``keys``, ``shapes``, ... as the manifest has them"""
    salt: str
    """put before every key that the formula hashes"""

    @property
    def config(self) -> dict[str, Any]:
        """The sizes the reference ran with."""
        return self.entry["config"]

    def json(self) -> Any:
        """The content of a ``.json`` fixture."""
        return json.loads(self.path.read_text())

    def tensors(self, dtype: torch.dtype, prefix: str = "") -> dict[str, Tensor]:
        """The stored tensors whose names start with ``prefix``, which is cut off; floats as ``dtype``."""
        stored = load_file(self.path)
        return {
            name.removeprefix(prefix): tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in stored.items()
            if name.startswith(prefix)
        }

    def filled(
        self, keys: Iterable[tuple[str, Iterable[int]]], dtype: torch.dtype, gain: float | None = None
    ) -> dict[str, Tensor]:
        """A state dict by the formula, for ``(key, shape)`` pairs such as ``entry["keys"]``.

        Args:
            keys: names and shapes.
            dtype: of the floating-point entries.
            gain: of the matrices; the entry's own where not given.
        """
        scale = self.entry["fill"]["gain"] if gain is None else gain
        return {key: weight(self.salt, key, tuple(shape), scale).to(dtype) for key, shape in keys}

    def input(self, name: str, shape: Iterable[int], dtype: torch.dtype) -> Tensor:
        """The input that the manifest writes as ``inp("name", shape)``, in [-1, 1]."""
        return formula_input(self.salt, name, tuple(shape)).to(dtype)

    def declared_inputs(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """Every input whose name and shape stand literally in ``fill.input``."""
        found = re.findall(r'inp\("([^"{]+)",\s*\(([\d,\s]+)\)\)', self.entry["fill"]["input"])
        return {name: self.input(name, map(int, shape.split(",")), dtype) for name, shape in found}


def load_folder(folder: Path) -> list[Fixture]:
    """Every fixture that the folder's manifest lists, in its order."""
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    return [
        Fixture(Path(file).stem, folder / file, entry, salt_of(entry, manifest))
        for file, entry in manifest["files"].items()
    ]


def salt_of(entry: dict[str, Any], manifest: dict[str, Any]) -> str:
    """A fixture's own salt, else the folder's."""
    return entry.get("fill", {}).get("salt", manifest.get("salt", ""))


def uniform(salt: str, key: str, count: int) -> np.ndarray:
    """``u(key, 0..count-1)`` in (0, 1): the murmur finaliser over a hash of the key and the index."""
    seed = zlib.crc32((salt + key).encode())
    low32 = np.uint64(0xFFFFFFFF)
    x = (np.uint64(seed) + np.uint64(0x9E3779B9) * np.arange(1, count + 1, dtype=np.uint64)) & low32
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & low32
    x ^= x >> np.uint64(16)
    return (x.astype(np.float64) + 0.5) / 2.0**32


def weight(salt: str, key: str, shape: tuple[int, ...], gain: float) -> Tensor:
    """The entry ``key`` of a state dict, by the rules of FORMULA.json."""
    last = key.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    count = math.prod(shape)
    u = uniform(salt, key, count)
    if last == "running_var":
        values = 0.5 + u
    elif last == "running_mean":
        values = 0.1 * (2 * u - 1)
    elif len(shape) >= 2:
        values = (2 * u - 1) * gain * math.sqrt(3 / (count / shape[0]))
    elif "prelu" in key and last == "weight":
        values = 0.1 + 0.3 * u
    elif last in ("weight", "a_2", "weight_g"):
        values = 0.75 + 0.5 * u
    else:
        values = 0.1 * (2 * u - 1)
    return float32_of(values, shape)


def formula_input(salt: str, name: str, shape: tuple[int, ...]) -> Tensor:
    """``2u - 1`` with the input's name as key."""
    return float32_of(2 * uniform(salt, name, math.prod(shape)) - 1, shape)


def float32_of(values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """Rounded to float32, as the references stored their weights and inputs."""
    return torch.from_numpy(values.astype(np.float32).reshape(shape))
