"""Presets: named options of a plugin, from the shipped ``registry.yaml`` and the user's own."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.catalog.documents import Lines, read
from fusionbench.catalog.plugins import KINDS, Catalog
from fusionbench.contract.errors import UserError, brief, nearest

FRONT_END = "front_end"
"""what a file calls presets that choose backbone, relation encoder and ``front_end`` together"""
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Preset:
    """A name for a plugin with some of its options set."""

    kind: str
    name: str
    plugin: str
    options: Mapping[str, Any]
    origin: str
    """file and line"""


CHOSEN = ("backbone", "relation")


@dataclass(frozen=True)
class FrontEnd:
    """A name for a backbone, a relation encoder and how they are trained."""

    name: str
    values: Mapping[str, Any]
    """as a file of options has them"""
    origin: str
    """file and line"""


def shipped(name: str) -> Path:
    """A file or folder that ships with the package: inside a wheel, one folder up in a checkout."""
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent / name


def read_presets(catalog: Catalog, registry: Path | None = None) -> dict[str, dict[str, Preset]]:
    """Presets by kind and name.

    Args:
        catalog: what the presets may name.
        registry: a file laid over the shipped one instead of ``./registry.yaml``.

    Raises:
        UserError: a file does not hold presets, or a preset reuses a plugin's name.
    """
    presets: dict[str, dict[str, Preset]] = {kind: {} for kind in KINDS}
    for file in _files(registry):
        for preset in _presets_of(file, catalog):
            presets[preset.kind][preset.name] = preset
    return presets


def read_front_ends(registry: Path | None = None) -> dict[str, FrontEnd]:
    """Presets of whole front ends by name; ``registry`` as for ``read_presets``.

    Raises:
        UserError: a file does not hold such presets.
    """
    return {each.name: each for file in _files(registry) for each in _front_ends_of(file)}


def _files(registry: Path | None) -> list[Path]:
    files = [shipped("registry.yaml")]
    own = registry or Path("registry.yaml")
    if registry or (own.is_file() and own.resolve() != files[0].resolve()):
        files.append(own)
    return files


def _front_ends_of(file: Path) -> list[FrontEnd]:
    content, lines = read(file)
    named = content.get(FRONT_END) or {}
    if not isinstance(named, dict):
        where = f"{file}, line {lines[FRONT_END,]}"
        raise UserError(f"{where}: {FRONT_END} must be a mapping of presets; got {brief(named)}.")
    found = []
    for name, body in named.items():
        where = f"{file}, line {lines[FRONT_END, name]}"
        if not isinstance(body, dict) or not body or set(body) - {*CHOSEN, FRONT_END}:
            raise UserError(
                f"{where}: preset {name!r} must read {{backbone: NAME, relation: NAME, front_end: "
                f"{{trainable: ...}}}}; got {brief(body)}."
            )
        found.append(FrontEnd(name, body, where))
    return found


def _presets_of(file: Path, catalog: Catalog) -> list[Preset]:
    state = os.stat(file) if file.is_file() else None
    content, lines = _parsed(file, state and (state.st_mtime_ns, state.st_size, state.st_ino))
    presets = []
    for kind, named in content.items():
        if kind == FRONT_END:
            continue
        where = f"{file}, line {lines[kind,]}"
        if kind not in KINDS:
            allowed = (*KINDS, FRONT_END)
            raise UserError(
                f"{where}: no kind {kind!r}.{nearest(kind, allowed)} Kinds: {', '.join(allowed)}."
            )
        if not isinstance(named or {}, dict):
            raise UserError(f"{where}: {kind} must be a mapping of presets; got {brief(named)}.")
        for name, body in (named or {}).items():
            where = f"{file}, line {lines[kind, name]}"
            presets.append(_preset(kind, name, body, where, catalog))
    return presets


@functools.lru_cache(maxsize=8)
def _parsed(file: Path, state: object) -> tuple[dict[str, Any], Lines]:
    """A file as it stands: a search resolves hundreds of configurations with the same presets."""
    return read(file)


def _preset(kind: str, name: str, body: Any, where: str, catalog: Catalog) -> Preset:
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("plugin"), str)
        or set(body) - {"plugin", "options"}
    ):
        raise UserError(
            f"{where}: preset {name!r} must read {{plugin: NAME, options: {{...}}}}; got {brief(body)}."
        )
    if name in catalog.components[kind]:
        raise UserError(
            f"{where}: preset {name!r} reuses the name of a plugin; "
            f"rename it, {name}-mine say, and keep plugin: {body['plugin']}."
        )
    plugin = body["plugin"]
    if plugin not in catalog.components[kind]:
        raise UserError(f"{where}: preset {name!r}: {catalog.unknown(kind, plugin)}")
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise UserError(f"{where}: options of preset {name!r} must be a mapping; got {brief(options)}.")
    return Preset(kind, name, plugin, options, where)
