"""Whose content a store was made from: the SHA-256 of each file, or of all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusionbench.contract.reading import open_regular, reading

_LISTED = 20
"""files that are listed one by one"""


def hashed(source: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Number and bytes of the files, and one hash: a lone file's own, else that of lines ``NAME HASH``.

    Args:
        source: what was given; names are relative to it.
        files: in a fixed order.

    Raises:
        UserError: one cannot be read.
    """
    found = {_name(source, file): _sha256(file) for file in files}
    hashes = [digest for digest, _ in found.values()]
    lines = "".join(f"{name} {digest}\n" for name, (digest, _) in found.items())
    whole = (
        hashes[0]
        if len(hashes) == 1
        else hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
    )
    about = {"files": len(found), "bytes": sum(size for _, size in found.values()), "sha256": whole}
    if len(found) <= _LISTED:
        about["each"] = {
            name.encode("utf-8", "backslashreplace").decode(): d for name, (d, _) in found.items()
        }
    return about


def _name(source: Path, file: Path) -> str:
    return (
        file.relative_to(source).as_posix() if file != source and file.is_relative_to(source) else file.name
    )


def _sha256(file: Path) -> tuple[str, int]:
    with reading("", file, "Copy it again."), open_regular(file) as content:
        digest = hashlib.file_digest(content, "sha256")  # type: ignore[arg-type]
        return digest.hexdigest(), content.tell()
