"""Run identity: what makes two runs the same run, changed code and changed data included."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from fusionbench.catalog.run_config import Chosen, RunConfig
from fusionbench.contract.hashing import digest

PACKAGE = Path(__file__).resolve().parents[1]
ROOMS = ("contract", "nn", "data", "learn")
"""rooms of this package whose code decides digits"""


def harness_files(*rooms: str) -> list[Path]:
    """The code in some rooms of this package, in one order everywhere."""
    return sorted(file for room in rooms for file in (PACKAGE / room).rglob("*.py"))


@cache
def harness_hash(*rooms: str) -> str:
    """Hash of the code in some rooms of this package."""
    return digest([[str(f.relative_to(PACKAGE)), f.read_bytes().hex()] for f in harness_files(*rooms)])


def toolkit_hash() -> str:
    """Hash of the code that every model's digits come from, whatever its components."""
    return harness_hash("nn", "learn")


_unhashed: dict[type, str] = {}
"""classes of this session whose source is nowhere whole -> what stands for it, another every time"""


def mark_unhashed(cls: type, stands_for: str) -> None:
    """Give the runs of a class an identity of their own: nobody can tell whether its code changed."""
    _unhashed[cls] = stands_for


def is_unhashed(cls: type) -> bool:
    """Whether a class was marked so."""
    return cls in _unhashed


def source_hash(cls: type) -> str:
    """Hash of a component's ``source_files``."""
    return _unhashed.get(cls) or _hash_of_files(cls)


def source_files(cls: type) -> dict[str, Path]:
    """Module -> file, of a component's module and of what it imports from its own distribution's package.

    A module without a file (of a session) has none here.
    """
    modules = _own_modules(sys.modules[cls.__module__], set())
    return {m.__name__: Path(file) for m in modules if (file := getattr(m, "__file__", None))}


@cache
def _hash_of_files(cls: type) -> str:
    return digest({module: file.read_bytes().hex() for module, file in source_files(cls).items()})


def _own_modules(module: ModuleType, seen: set[ModuleType]) -> set[ModuleType]:
    seen.add(module)
    package = module.__name__.partition(".")[0]
    for value in list(vars(module).values()):
        home = (
            value
            if isinstance(value, ModuleType)
            else sys.modules.get(getattr(value, "__module__", None) or "")
        )
        if home is not None and home not in seen and home.__name__.partition(".")[0] == package:
            _own_modules(home, seen)
    return seen


def component_key(chosen: Chosen, weights_hash: str | None) -> dict[str, Any]:
    """What tells one component from another: name, version, code, options, weights."""
    return {
        "plugin": chosen.plugin,
        "version": chosen.version,
        "code": source_hash(chosen.cls),
        "options": chosen.options.model_dump(mode="json"),
        "weights": weights_hash,
    }


def run_identity(
    config: RunConfig, fold: str, data_fingerprint: str, weights: Mapping[str, str | None]
) -> str:
    """The identity of one fold's run.

    Args:
        config: the resolved config; where the data lie does not count, what they hold does.
        fold: the fold's name.
        data_fingerprint: content hash of the store that the run reads from.
        weights: kind -> hash of the component's weights file.
    """
    options = config.options.model_dump(mode="json")
    options.pop("data")
    options["fold"] = fold
    components = {c.kind: component_key(c, weights.get(c.kind)) for c in config.components}
    return digest([options, components, data_fingerprint, harness_hash(*ROOMS)])
