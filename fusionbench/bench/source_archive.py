"""The source files that a run's identity hashes: their list, and all of them in one small archive.

About 150 kB and 15 ms a run, so that each run keeps its own and none depends on another's.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from fusionbench.catalog.identity import PACKAGE, ROOMS, harness_files, source_files

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""the earliest moment that a zip file knows: the same files give the same bytes"""
_READABLE = 0o644 << 16


def harness_sources() -> dict[str, Path]:
    """Name in the archive -> file, of the rooms of this package that decide digits."""
    return {f"{PACKAGE.name}/{f.relative_to(PACKAGE).as_posix()}": f for f in harness_files(*ROOMS)}


def component_sources(cls: type) -> dict[str, Path]:
    """Name in the archive -> file, of a component and of what it imports from its own package."""
    named = {}
    for module, file in source_files(cls).items():
        inside = module.replace(".", "/")
        named[f"{inside}/__init__.py" if file.name == "__init__.py" else f"{inside}.py"] = file
    return dict(sorted(named.items()))


def file_hashes(sources: dict[str, Path]) -> dict[str, str]:
    """Name -> the first 16 digits of the file's SHA-256."""
    return {name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for name, file in sources.items()}


def archive(sources: dict[str, Path]) -> bytes:
    """A zip file of these sources; equal sources give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, file in sorted(sources.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, _READABLE  # of Unix, wherever it is written
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()
