"""Reads single members out of an archive whose content is known beforehand, and nothing else of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import MEGABYTE, Unreadable, read_regular, reading
from fusionbench.weights.known import Archive, Packed

LARGEST = 64 * MEGABYTE
"""bytes of an archive, and of a member: more than any in the table"""
AGAIN = "Get it again: fusionbench weights get says what to fetch."


def members_of(network: Packed, path: Path) -> dict[str, bytes]:
    """A network's members and its licence, each of them what the table promises.

    The archive's own hash is taken before it is opened, so that no parser meets a stranger's file.
    A single member that was taken out already may stand in for the archive.

    Args:
        network: what is wanted.
        path: the archive, or the network's only member.

    Returns:
        member -> content; the licence is missing where only the member came.

    Raises:
        UserError: it is another file, or a damaged one.
    """
    with reading("archive", path, AGAIN):
        content = read_regular(path, LARGEST)
        found = sha256(content)
        if [found] == list(network.members.values()):
            return dict.fromkeys(network.members, content)
        if found != network.archive.sha256:
            raise UserError(
                f"archive {path} has the SHA-256 {found}; {network.archive.file} has "
                f"{network.archive.sha256}. It is another file or a damaged one; nothing was read from it. "
                f"{AGAIN}"
            )
        members = _read(network.archive, content, [*network.members, network.archive.licence_member])
    for name, expected in network.members.items():
        if sha256(members[name]) != expected:
            raise UserError(f"archive {path}: {name} has another SHA-256 than {expected}. {AGAIN}")
    return members


def sha256(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _read(archive: Archive, content: bytes, names: Iterable[str]) -> dict[str, bytes]:
    return (_from_zip if archive.tool == "pip" else _from_tar)(content, names)


def _from_zip(content: bytes, names: Iterable[str]) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.getinfo(name) for name in names}
        for entry in entries.values():
            _refuse_large(entry.filename, entry.file_size)
        return {name: archive.read(entry) for name, entry in entries.items()}


def _from_tar(content: bytes, names: Iterable[str]) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for name in names:
            entry = archive.getmember(name)
            _refuse_large(name, entry.size)
            file = archive.extractfile(entry) if entry.isreg() else None
            if file is None:
                raise Unreadable(f"{name} in it is no file")
            found[name] = file.read()
    return found


def _refuse_large(name: str, size: int) -> None:
    if size > LARGEST:
        raise Unreadable(f"{name} in it claims {size} bytes")
