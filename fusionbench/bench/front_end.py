"""Backbone and relation encoder: built, checked against each other, and run once over all frames."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.catalog.identity import component_key, harness_hash
from fusionbench.catalog.run_config import Chosen, RunConfig
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.hashing import digest
from fusionbench.contract.roles import Backbone, RelationEncoder
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root, file_hash, locked, writable_folder
from fusionbench.data.store import Store, is_store, open_store
from fusionbench.learn.extract import extract
from fusionbench.learn.front_end import APPEARANCE, RELATION

FRONT_END_SEED = 2511
"""random parts of a frozen front end are drawn once for all runs, so that heads share their streams"""


def weights_hash(chosen: Chosen) -> str | None:
    """Hash of the file a component's weights come from, None where they are drawn at random.

    Raises:
        UserError: the file is missing.
    """
    path = chosen.cls.weights(chosen.options)
    if path is None:
        return None
    if not Path(path).is_file():
        raise UserError(
            f"{chosen.kind} {chosen.name!r}: no weights file at {path}. Give the path of one, or null."
        )
    return file_hash(Path(path))


def front_end_arrays(
    frames: Store, config: RunConfig, weights: Mapping[str, str | None], watch: Watch
) -> dict[str, np.ndarray]:
    """What ``front_end.trainable`` asks for, over the frames' rows; extracted where it is not cached.

    Raises:
        UserError: the front end does not fit, or the disk is too small for the trunk's maps.
    """
    refuse_untrained(config)
    trainable = config.options.front_end.trainable
    landmarks = {"landmarks": frames.arrays["landmarks"]} if frames.made["landmarks"] else {}
    if trainable == "all":
        return {"frames": frames.arrays["frames"], **landmarks}
    if trainable == "relation":
        return {**_extracted(frames, config, [APPEARANCE, "map"], weights, watch), **landmarks}
    streams = [APPEARANCE, RELATION] if config.relation else [APPEARANCE]
    return _extracted(frames, config, streams, weights, watch)


def refuse_untrained(config: RunConfig) -> None:
    """Refuse a front end that would be frozen and has no weights.

    Raises:
        NotSupported: with the way to give it some.
    """
    trainable = config.options.front_end.trainable
    if trainable != "all":
        _refuse_untrained(config.backbone)
    if trainable == "none":
        _refuse_untrained(config.relation)


def _refuse_untrained(frozen: Chosen | None) -> None:
    if frozen is None or frozen.cls.weights(frozen.options) is not None:
        return
    train = "relation" if frozen.kind == "relation" else "all"
    raise NotSupported(
        f"{frozen.kind} {frozen.name!r} has no weights for these options, "
        f"and what a frozen random network says is noise. Give them with --set {frozen.kind}.weights=PATH, "
        f"or train it with the head: --set front_end.trainable={train}."
    )


def _extracted(
    frames: Store, config: RunConfig, names: list[str], weights: Mapping[str, str | None], watch: Watch
) -> dict[str, np.ndarray]:
    """The stores called ``names``, the missing ones made in one pass over the frames."""
    keys = {name: _key(name, frames, config, weights) for name in names}
    kinds = {name: "maps" if name == "map" else "streams" for name in names}
    missing = {n: k for n, k in keys.items() if not is_store(cache_root() / kinds[n] / digest(k))}
    if missing:
        with locked(writable_folder("streams") / f"{digest(keys)}.lock", "another process extracts", watch):
            targets = {
                name: (writable_folder(kinds[name]) / digest(key), key)
                for name, key in missing.items()
                if not is_store(cache_root() / kinds[name] / digest(key))
            }
            if targets:
                _refuse_too_large(frames, config, targets)
                _run_front_end(frames, config, targets, watch)
    return {
        name: open_store(cache_root() / kinds[name] / digest(key)).arrays[name] for name, key in keys.items()
    }


def _key(name: str, frames: Store, config: RunConfig, weights: Mapping[str, str | None]) -> dict[str, Any]:
    assert config.backbone is not None
    key = {
        "what": name,
        "frames": frames.content_hash,
        "front_end_seed": FRONT_END_SEED,
        "code": harness_hash("nn"),
        "backbone": component_key(config.backbone, weights["backbone"]),
    }
    if name == RELATION and config.relation:
        key["relation"] = component_key(config.relation, weights["relation"])
    return key


def _refuse_too_large(frames: Store, config: RunConfig, targets: Mapping[str, Any]) -> None:
    """Trunk maps are the one cache that can fill a disk; it is estimated before it is written."""
    if "map" not in targets:
        return
    channels, rows, cols = build_front_end(config, bool(frames.made["landmarks"]))[0].map_shape
    needed = frames.total_rows * channels * rows * cols * 2
    folder = writable_folder("maps")
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    if needed > 0.9 * free:
        raise UserError(
            f"trunk maps of {frames.total_rows} frames need {needed / 1e9:.1f} GB; "
            f"{folder} has {free / 1e9:.1f} GB. "
            "Set FUSIONBENCH_CACHE to a larger disk, or use front_end.trainable=all."
        )


def _run_front_end(frames: Store, config: RunConfig, targets: Mapping[str, Any], watch: Watch) -> None:
    backbone, relation = build_front_end(config, bool(frames.made["landmarks"]))
    extract(frames, backbone, relation, targets, config.options.device, watch)


def build_front_end(config: RunConfig, landmarks: bool) -> tuple[Backbone, RelationEncoder | None]:
    """Backbone and relation encoder; what has no weights is drawn from a fixed seed.

    Raises:
        NotSupported: the encoder cannot work on these maps or lacks its landmarks, with its own reason.
    """
    chosen = config.relation
    assert config.backbone is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRONT_END_SEED)
        backbone = config.backbone.cls(config.backbone.options)
        if chosen is None:
            return backbone, None
        reason = chosen.cls.supports(backbone.map_shape, chosen.options, landmarks)
        if reason:
            raise NotSupported(f"relation {chosen.name!r} does not fit: {reason}")
        return backbone, chosen.cls(backbone.map_shape, chosen.options)
