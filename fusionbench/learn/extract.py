"""Runs a frozen front end once over all frames of a store and keeps what it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.contract.blame import blaming
from fusionbench.contract.roles import Backbone, RelationEncoder, beside_maps
from fusionbench.contract.types import POINTS
from fusionbench.contract.watch import Watch
from fusionbench.data.store import Store
from fusionbench.data.store_writer import writing
from fusionbench.learn.front_end import APPEARANCE

CHUNK = 128
"""frames a forward pass; larger ones fall out of a CPU's cache"""


def extract(
    frames: Store,
    backbone: Backbone,
    relation: RelationEncoder | None,
    targets: Mapping[str, tuple[Path, Mapping[str, Any]]],
    device: str,
    watch: Watch,
) -> None:
    """One pass over all frames that writes every store in ``targets``.

    Args:
        frames: a ``FrameStore``.
        backbone: in any mode; it is put in eval mode.
        relation: needed where ``relation`` is a target.
        targets: ``appearance``, ``relation`` (float32 streams) or ``map`` (float16) ->
            (path to write, how it was made).
        device: where to compute.
        watch: told of progress, in clips.
    """
    backbone = backbone.to(device).eval()
    relation = relation.to(device).eval() if relation else None
    clips = frames.index.clips
    task = "extracting " + " and ".join(targets)

    def run(place: int) -> dict[str, np.ndarray]:
        first = int(frames.index.first_row[place])
        rows = slice(first, first + int(frames.index.rows[place]))
        with torch.inference_mode():
            return _clip(frames.arrays, rows, backbone, relation, list(targets), device)

    watch.progress(task, 0, len(clips))
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(writing(path, "maps" if name == "map" else "streams"))
            for name, (path, _) in targets.items()
        }
        for place, outputs in enumerate(_side_by_side(run, len(clips), device)):
            for name, writer in writers.items():
                writer.append(clips[place], {name: outputs[name]})
            watch.progress(task, place + 1, len(clips))
        for name, writer in writers.items():
            writer.finish(targets[name][1], frames.stand_in)


def _side_by_side(
    run: Callable[[int], dict[str, np.ndarray]], count: int, device: str
) -> Iterator[dict[str, np.ndarray]]:
    """``run(0) ... run(count - 1)`` in order; on a CPU one clip a core, each on one thread.

    Whole clips side by side need no barrier between the threads of one small
    convolution, and the digits do not depend on the number of cores.
    """
    if device != "cpu":
        yield from map(run, range(count))
        return
    cores = os.cpu_count() or 1
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(cores) as pool:
            for start in range(0, count, 4 * cores):  # a window bounds what waits in memory
                yield from pool.map(run, range(start, min(start + 4 * cores, count)))
    finally:
        torch.set_num_threads(threads)


def of_black(
    backbone: Backbone, relation: RelationEncoder | None, names: Sequence[str], size: int, device: str
) -> dict[str, np.ndarray]:
    """Name -> what the front end says of one black image, ``(...)``; names as in ``extract``.

    Args:
        backbone: in any mode; it is put in eval mode.
        relation: needed where ``relation`` is a name. Landmarks and points that it looks at are all zero.
        names: what is asked for.
        size: side of the image in pixels.
        device: where to compute.
    """
    black: dict[str, np.ndarray] = {
        "frames": np.zeros((1, 3, size, size), dtype=np.uint8),
        "landmarks": np.zeros((1, 68, 2), dtype=np.float32),
        "points": np.zeros((1, *POINTS), dtype=np.float32),
    }
    trunk = backbone.to(device).eval()
    encoder = relation.to(device).eval() if relation else None
    with torch.inference_mode():
        said = _clip(black, slice(0, 1), trunk, encoder, names, device)
    return {name: array[0] for name, array in said.items()}


def _clip(
    arrays: Mapping[str, np.ndarray],
    rows: slice,
    backbone: Backbone,
    relation: RelationEncoder | None,
    names: Sequence[str],
    device: str,
) -> dict[str, np.ndarray]:
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for start in range(rows.start, rows.stop, CHUNK):
        chunk = slice(start, min(start + CHUNK, rows.stop))
        pixels = _on(device, arrays["frames"][chunk]).float() / 255
        with blaming(backbone, "forward"):
            features = backbone(pixels)
        for name in names:
            if name == APPEARANCE:
                output = features.embedding.float()
            elif name == "map":
                output = features.map.half()
            else:
                assert relation is not None
                asked = {"landmarks": relation.needs_landmarks, "points": relation.needs_points}
                marks, points = (_on(device, arrays[n][chunk]) if a else None for n, a in asked.items())
                with blaming(relation, "forward"):
                    output = relation(features.map, *beside_maps(relation, marks, points)).float()
            parts[name].append(output.cpu().numpy())
    return {name: np.concatenate(outputs) for name, outputs in parts.items()}


def _on(device: str, array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(array)).to(device)
