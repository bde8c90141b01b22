"""Backbone and relation encoder: built, checked against each other, and run once over all frames."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.catalog.identity import component_key, harness_hash
from fusionbench.catalog.run_config import Chosen, RunConfig
from fusionbench.contract.blame import blaming
from fusionbench.contract.errors import NotSupported, UserError
from fusionbench.contract.roles import Backbone, RelationEncoder
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import file_hash, writable_folder
from fusionbench.data.ingest import beside_frames
from fusionbench.data.store import Store
from fusionbench.data.store_cache import cache_path, cached_stores
from fusionbench.learn.extract import extract, of_black
from fusionbench.learn.front_end import APPEARANCE, RELATION
from fusionbench.weights.cache import has_weights

NO_POINTS = (
    "it reads the 468 points of a face's mesh, which these data do not hold. Prepare the videos with "
    "`fusionbench prepare VIDEOS --aligner mesh --out STORE`, and run on --dataset frames"
)
REAL = "expression_net"
"""the network of the presets real and real-maps"""
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


def front_end_stores(
    frames: Store, config: RunConfig, weights: Mapping[str, str | None], watch: Watch
) -> dict[str, Store]:
    """Name -> store of each array that ``front_end.trainable`` asks for; extracted where it is not cached.

    Raises:
        UserError: the front end does not fit, or the disk is too small for the trunk's maps.
    """
    trainable = config.options.front_end.trainable
    beside = {name: frames for name in beside_frames(frames) if name != "points" or _needs_points(config)}
    if trainable == "all":
        return {"frames": frames, **beside}
    if trainable == "relation":
        maps = ["map"] if config.relation is None or config.relation.cls.reads_maps else []
        return {**_extracted(frames, config, [APPEARANCE, *maps], weights, watch), **beside}
    streams = [APPEARANCE, RELATION] if config.relation else [APPEARANCE]
    return _extracted(frames, config, streams, weights, watch)


def real_front_end(beside: Collection[str]) -> str:
    """A sentence on the front end that saw real faces, for data that hold these beside frames."""
    name = "real" if "points" in beside else "real-maps"
    if has_weights(REAL):
        return f"One that saw them is here: --front-end {name}."
    return f"Get one that saw them: fusionbench weights get {REAL}, then --front-end {name}."


def _needs_points(config: RunConfig) -> bool:
    return config.relation is not None and config.relation.cls.needs_points


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
) -> dict[str, Store]:
    """The stores of the arrays ``names``, those that are missing made in one pass over the frames."""
    keys = {name: _key(name, frames, config, weights) for name in names}
    wanted = {name: cache_path("maps" if name == "map" else "streams", key) for name, key in keys.items()}

    def make(missing: Mapping[str, Path]) -> None:
        _refuse_too_large(frames, config, missing)
        targets = {name: (path, keys[name]) for name, path in missing.items()}
        _run_front_end(frames, config, targets, watch)

    return cached_stores(wanted, make, "another process extracts", watch)


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
    assert config.backbone is not None
    trunk, _ = build_front_end(config.backbone, config.relation, beside_frames(frames))
    channels, rows, cols = trunk.map_shape
    needed = frames.total_rows * channels * rows * cols * 2
    folder = writable_folder("maps")
    free = shutil.disk_usage(folder).free
    if needed > 0.9 * free:
        raise UserError(
            f"trunk maps of {frames.total_rows} frames need {needed / 1e9:.1f} GB; "
            f"{folder} has {free / 1e9:.1f} GB. "
            "Set FUSIONBENCH_CACHE to a larger disk, or use front_end.trainable=all."
        )


def _run_front_end(frames: Store, config: RunConfig, targets: Mapping[str, Any], watch: Watch) -> None:
    assert config.backbone is not None
    backbone, relation = build_front_end(config.backbone, config.relation, beside_frames(frames))
    extract(frames, backbone, relation, targets, config.options.device, watch)


def black_rows(config: RunConfig, arrays: Sequence[str], frames: Store) -> dict[str, np.ndarray]:
    """Array name -> the row of a black image, of the arrays that a frozen front end makes."""
    made = [name for name in arrays if name in (APPEARANCE, RELATION, "map")]
    if not made:
        return {}
    assert config.backbone is not None
    backbone, relation = build_front_end(config.backbone, config.relation, beside_frames(frames))
    size = frames.arrays["frames"].shape[-1]
    return of_black(backbone, relation, made, size, config.options.device)


def build_front_end(
    backbone: Chosen, relation: Chosen | None, beside: Collection[str]
) -> tuple[Backbone, RelationEncoder | None]:
    """Backbone and relation encoder; what has no weights is drawn from a fixed seed.

    Args:
        backbone: to build.
        relation: to build; None for appearance alone.
        beside: which of ``landmarks`` and ``points`` the data hold.

    Raises:
        NotSupported: the encoder cannot work on these maps, with its own reason, or lacks points.
        UserError: ``supports`` or a constructor raises.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRONT_END_SEED)
        with blaming(backbone.cls, "__init__"):
            trunk = backbone.cls(backbone.options)
        if relation is None:
            return trunk, None
        with blaming(relation.cls, "supports"):
            reason = relation.cls.supports(trunk.map_shape, relation.options, "landmarks" in beside)
        if reason is None and relation.cls.needs_points and "points" not in beside:
            reason = NO_POINTS
        if reason:
            raise NotSupported(f"relation {relation.name!r} does not fit: {reason}")
        with blaming(relation.cls, "__init__"):
            return trunk, relation.cls(trunk.map_shape, relation.options)
