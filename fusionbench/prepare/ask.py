"""What a user asked ``prepare`` for: names and options to recordings and a way to prepare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.resolve import Request, parse_assignment, resolve_component
from fusionbench.contract.aligner import Choice
from fusionbench.contract.errors import UserError, nearest
from fusionbench.contract.watch import Watch
from fusionbench.data.marker import read_marker
from fusionbench.prepare.gaps import Policy
from fusionbench.prepare.labels import from_folders, from_table, from_tree
from fusionbench.prepare.part import Way
from fusionbench.prepare.prepare import OnBadClip
from fusionbench.prepare.recordings import Recording, find_recordings, recording_of

DEFAULTS = ("mesh", "opencv")
"""aligners, the first that can work here is taken"""
HASH = 64
"""letters of a SHA-256, of which twelve are shown"""
OPENFACE = "openface"
"""the aligner that reads its own tables"""


@dataclass(frozen=True)
class Plan:
    """What is going to be prepared, and how."""

    root: Path
    recordings: list[Recording]
    way: Way
    gaps: Policy
    on_bad_clip: OnBadClip
    stand_in: bool


def asked(
    source: Path,
    *,
    whose: Mapping[str, Any],
    aligner: str | None,
    size: int,
    face: str,
    gaps: str,
    on_bad_clip: str,
    assignments: Sequence[str],
    catalog: Catalog,
    watch: Watch,
) -> Plan:
    """Look everything up, so that what is wrong is said before anything is decoded.

    Args:
        source: a video or a folder.
        whose: ``folders``, ``labels``, ``tree`` or ``dataset`` -> what was given; at most one is not None.
        aligner: a name; None = the first of ``DEFAULTS`` that can work.
        size: side of a face in pixels.
        face: which of several.
        gaps: what is done about frames without a face.
        on_bad_clip: ``fail`` or ``skip``.
        assignments: ``aligner.OPTION=VALUE`` and ``dataset.OPTION=VALUE``.
        catalog: plugins.
        watch: told which aligner was taken, and what was left out.

    Raises:
        UserError: a name or option is unknown, there is nothing to prepare, or labels do not fit.
    """
    request = _request(assignments)
    policy = cast(Policy, _one_of("--gaps", gaps, get_args(Policy)))
    choice = cast(Choice, _one_of("--face", face, get_args(Choice)))
    bad = bad_clip_policy(on_bad_clip)
    root, recordings = _recordings(source, whose, request, catalog, watch)
    way = _way(aligner, recordings, choice, size, request, catalog, watch)
    return Plan(root, recordings, way, policy, bad, read_marker(root) is not None)


def bad_clip_policy(asked: str | None) -> OnBadClip:
    """What is done about recordings that cannot be prepared; ``fail`` unless it is said otherwise.

    Raises:
        UserError: there is no such policy.
    """
    return cast(OnBadClip, _one_of("--on-bad-clip", asked or "fail", get_args(OnBadClip)))


def _one_of(flag: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise UserError(f"{flag} {value} is unknown.{nearest(value, allowed)} Allowed: {', '.join(allowed)}.")
    return value


def _request(assignments: Sequence[str]) -> Request:
    values = dict(map(parse_assignment, assignments))
    for key in values:
        if key.partition(".")[0] not in ("aligner", "dataset"):
            raise UserError(
                f"--set {key}: preparing has options of aligner and dataset, as in aligner.look=10."
            )
    return Request(values, dict.fromkeys(values, "--set"))


def _recordings(
    source: Path, whose: Mapping[str, Any], request: Request, catalog: Catalog, watch: Watch
) -> tuple[Path, list[Recording]]:
    given = {name: value for name, value in whose.items() if value is not None}
    if len(given) > 1:
        flags = " and ".join(f"--{name}" for name in given)
        raise UserError(f"{flags} both say whose recordings these are. Leave out all but one.")
    if "dataset" in given:
        return _of_dataset(source, given["dataset"], request, catalog, watch)
    root, found = find_recordings(source)
    rest: list[str] = []
    if "folders" in given:
        found = from_folders(found, given["folders"])
    elif "labels" in given:
        found, rest = from_table(found, Path(given["labels"]).expanduser())
    elif "tree" in given:
        found, rest = from_tree(found, given["tree"])
    if not found:
        raise UserError(f"{given['labels']} names none of the {len(rest)} recordings in {source}.")
    if rest:
        watch.warn(
            f"{len(rest)} recording(s) are left out, for nothing says whose they are; the first: {rest[0]}"
        )
    return root, found


def _of_dataset(
    source: Path, name: str, request: Request, catalog: Catalog, watch: Watch
) -> tuple[Path, list[Recording]]:
    chosen = resolve_component("dataset", name, request, catalog)
    root = source.expanduser()
    inventory = chosen.cls(root, chosen.options).scan()
    if inventory.problems:
        first = inventory.problems[0]
        watch.warn(
            f"{len(inventory.problems)} thing(s) are left out, the first: {first.clip}: {first.reason}"
        )
    return root, [recording_of(clip) for clip in inventory.clips]


def _way(
    name: str | None,
    recordings: Sequence[Recording],
    choice: Choice,
    size: int,
    request: Request,
    catalog: Catalog,
    watch: Watch,
) -> Way:
    tables = sum(recording.kind == OPENFACE for recording in recordings)
    if tables and (tables < len(recordings) or name not in (None, OPENFACE)):
        raise UserError(
            f"{tables} of {len(recordings)} recordings are tables of OpenFace, which only the aligner "
            f"{OPENFACE} reads. Prepare them for themselves, without --aligner."
        )
    why = ""
    if tables:
        name = OPENFACE
    elif name is None:
        name, why = default_aligner(catalog)
    return way_of(name, choice, size, request, catalog, watch, why)


def way_of(
    name: str, choice: Choice, size: int, request: Request, catalog: Catalog, watch: Watch, why: str = ""
) -> Way:
    """How recordings are prepared by one aligner.

    Args:
        name: of the aligner.
        choice: which of several faces.
        size: side of a face in pixels.
        request: the aligner's options.
        catalog: plugins.
        watch: told which aligner it is, and of which versions.
        why: what more is to be said of the choice.

    Raises:
        UserError: there is no such aligner or option, or it cannot work here.
    """
    chosen = resolve_component("aligner", name, request, catalog)
    missing = chosen.cls.missing(chosen.options)
    if missing:
        raise UserError(f"aligner {name!r} cannot work here: {missing}.")
    told = chosen.cls.versions(chosen.options).items()
    versions = ", ".join(f"{name} {v[:12] if len(v) == HASH else v}" for name, v in told)
    watch.note(f"aligner: {name}{f' ({versions})' if versions else ''}{why}")
    return Way(chosen.cls, chosen.options, choice, size)


def default_aligner(catalog: Catalog) -> tuple[str, str]:
    """The first default that can work, and why not the one before it."""
    why = ""
    for name in DEFAULTS:
        cls = catalog.get("aligner", name).cls
        missing = cls.missing(cls.Config())
        if missing is None:
            return name, why
        why = f"; {name} finds faces more steadily, but {missing}"
    raise UserError(f"no aligner can work here{why}.")
