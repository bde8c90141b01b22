"""What a run writes down before it trains, so that it can be done again: all that its digits come from.

The config lies beside it, in an artifact of its own. Runs of before this was written down are known by
their tags only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fusionbench.bench.claim import IDENTITY_TAG
from fusionbench.bench.differences import BEFORE, changes, short
from fusionbench.bench.machine import machine
from fusionbench.bench.parts import Parts
from fusionbench.bench.source import RunData
from fusionbench.bench.source_archive import component_sources, file_hashes, harness_hashes, source_archive
from fusionbench.bench.source_commit import git_commit
from fusionbench.catalog.identity import ROOMS, harness_hash, source_hash
from fusionbench.catalog.plugins import RUN_KINDS, Catalog
from fusionbench.catalog.run_config import Chosen, RunConfig
from fusionbench.contract.errors import UserError
from fusionbench.contract.hashing import digest
from fusionbench.track.records import RunRecord, has_artifact, read_json
from fusionbench.track.runs import TrackedRun

CONFIG, PROVENANCE, SOURCE = "config.json", "provenance.json", "source.zip"
"""artifacts of a run: resolved values with their origins, what is described here, the code"""
FORMAT = 1


def provenance(
    config: RunConfig,
    catalog: Catalog,
    data: RunData | None = None,
    parts: Parts | None = None,
    identity: str | None = None,
) -> dict[str, Any]:
    """What the digits of a run come from, here and now, as JSON can hold it.

    Args:
        config: what is run.
        catalog: knows which distributions brought its components.
        data: on what; None leaves out what is known of data only.
        parts: of the fold; likewise.
        identity: of the fold's run; likewise.
    """
    known: dict[str, Any] = {
        "format": FORMAT,
        "seed": config.options.seed,
        "device": config.options.device,
        "threads": config.options.threads,
        **{c.kind: _component(c, catalog) for c in config.components},
        "harness": {"code": harness_hash(*ROOMS), "files": harness_hashes()},
        "commit": git_commit(),
        **machine(config.options.device),
    }
    if data is not None:
        known["data"] = {
            "fingerprint": data.fingerprint,
            "root": str(data.dataset.root.resolve()),
            "stand_in": data.stand_in,
        }
        known["weights"] = dict(data.weights)
        known["streams"] = dict(data.extracted)
    if parts is not None:
        known["split"] = split_hashes(parts)
    if identity is not None:
        known["identity"] = identity
    return known


def split_hashes(parts: Parts) -> dict[str, str]:
    """Part -> how many clips, and a hash of their ids in order; ``all`` -> a hash of all parts."""
    ids = {part: [clip.id for clip in getattr(parts, part)] for part in ("train", "selection", "report")}
    each = {part: f"{len(some)} clips, {digest(some)}" for part, some in ids.items()}
    return {**each, "all": digest(ids)}


def log_provenance(
    tracked: TrackedRun,
    config: RunConfig,
    data: RunData,
    parts: Parts,
    identity: str,
    catalog: Catalog,
    warn: Callable[[str], None],
) -> None:
    """Write it down in the run, and the code beside it.

    A run that was interrupted elsewhere, or with other threads, has digits of neither place: what was
    other before is kept under ``before``, and told.
    """
    known = provenance(config, catalog, data, parts, identity)
    if tracked.reopened and has_artifact(tracked.run_id, PROVENANCE):
        earlier = read_json(tracked.run_id, PROVENANCE)
        other = changes(earlier, known)
        known[BEFORE] = [*earlier.get(BEFORE, []), *([other] if other else [])]
        if other:
            listed = ", ".join(f"{what} was {value}" for what, value in other.items())
            warn(f"goes on with a run that was begun otherwise: {short(listed)}. Its digits are of both")
    tracked.log_json(known, PROVENANCE)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / SOURCE
        file.write_bytes(source_archive(*(component.cls for component in config.components)))
        tracked.log_file(file)


def read_provenance(record: RunRecord) -> dict[str, Any]:
    """What a run wrote down; of a run of before, what its tags say, and no ``format``.

    Raises:
        UserError: a newer fusionbench wrote it, or it is damaged.
    """
    if not has_artifact(record.run_id, PROVENANCE):
        return _from_tags(record)
    found = read_json(record.run_id, PROVENANCE)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise UserError(f"run {record.run_id} holds a {PROVENANCE} that is none: it has no format number.")
    if found["format"] > FORMAT:
        raise UserError(
            f"run {record.run_id} wrote its {PROVENANCE} in format {found['format']}; this fusionbench reads "
            f"up to {FORMAT}. A newer version wrote it: upgrade fusionbench."
        )
    return found


def component_versions(record: RunRecord) -> dict[str, str]:
    """Plugin -> the version it had; fusionbench's own among them."""
    listed = record.tags.get("fusionbench.version.components", "").split(", ")
    versions = {name: number for name, _, number in (entry.rpartition(" ") for entry in listed) if name}
    own = record.tags.get("fusionbench.version.fusionbench")
    return {**versions, **({"fusionbench": own} if own else {})}


def _component(chosen: Chosen, catalog: Catalog) -> dict[str, Any]:
    offered = catalog.components[chosen.kind].get(chosen.plugin)
    return {
        "name": chosen.name,
        "plugin": chosen.plugin,
        "distribution": offered.plugin.distribution if offered and offered.cls is chosen.cls else None,
        "version": chosen.version,
        "code": source_hash(chosen.cls),
        "files": file_hashes(component_sources(chosen.cls)),
    }


def _from_tags(record: RunRecord) -> dict[str, Any]:
    tags, start = record.tags, "fusionbench.version."
    versions = {tag.removeprefix(start): value for tag, value in tags.items() if tag.startswith(start)}
    versions.pop("components", None)
    plugins = component_versions(record)
    brought = {kind: record.params.get(kind, "") for kind in RUN_KINDS}
    known: dict[str, Any] = {
        "versions": versions,
        **{kind: {"version": plugins[name]} for kind, name in brought.items() if name in plugins},
    }
    if "fusionbench.data" in tags:
        known["data"] = {"fingerprint": tags["fusionbench.data"]}
    if "fusionbench.commit" in tags:
        known["commit"] = tags["fusionbench.commit"]
    if IDENTITY_TAG in tags:
        known["identity"] = tags[IDENTITY_TAG]
    return known
