"""face-api's weights, a JSON manifest and bytes, as tensors in torch's order.

Manifest entries are ``{name, shape, dtype, quantization: {dtype, scale, min}}``; a quantised
value is ``q * scale + min``. Filters are stored height, width, in, out.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from fusionbench.contract.reading import Unreadable

_ENDINGS = {
    "filters": "weight",
    "depthwise_filter": "depthwise.weight",
    "pointwise_filter": "pointwise.weight",
    "weights": "weight",
    "biases": "bias",
}
"""last word of a name there -> here; others stay"""
_AXES = {"depthwise_filter": (2, 3, 0, 1), "filters": (3, 2, 0, 1), "pointwise_filter": (3, 2, 0, 1)}


def tensors(manifest: bytes, content: bytes) -> dict[str, np.ndarray]:
    """The manifest's tensors by torch's names: ``dense0/conv0/filters`` becomes ``dense0.conv0.weight``.

    Args:
        manifest: the JSON file.
        content: of its only shard.

    Returns:
        float32 arrays; filters ``(out, in, rows, cols)``, matrices ``(out, in)``.

    Raises:
        Unreadable: the two do not belong together.
    """
    found: dict[str, np.ndarray] = {}
    place = 0
    for group in json.loads(manifest):
        for entry in group["weights"]:
            values, place = _values(entry, content, place)
            name, array = _ours(entry["name"], values)
            found[name] = np.ascontiguousarray(array)
    if place != len(content):
        raise Unreadable(f"its shard has {len(content)} bytes, its manifest describes {place}")
    return found


def _values(entry: dict[str, Any], content: bytes, place: int) -> tuple[np.ndarray, int]:
    """One tensor's numbers in the order of the file, and where the next one begins."""
    packing = entry.get("quantization")
    dtype = np.dtype(packing["dtype"] if packing else entry["dtype"]).newbyteorder("<")
    count = math.prod(entry["shape"])
    end = place + count * dtype.itemsize
    if end > len(content):
        raise Unreadable(f"its shard ends before {entry['name']}")
    values = np.frombuffer(content, dtype, count, place)
    if packing:
        values = values.astype(np.float64) * packing["scale"] + packing["min"]
    return values.astype(np.float32).reshape(entry["shape"]), end


def _ours(name: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    *branch, leaf = name.split("/")
    axes = _AXES.get(leaf, (1, 0) if values.ndim == 2 else None)
    named = ".".join([*branch, _ENDINGS.get(leaf, leaf)])
    if not branch:  # dlib's last layer has no bias and no name but its own
        named = f"{leaf}.weight"
    return named, values if axes is None else values.transpose(axes)
