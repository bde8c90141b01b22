"""A user's videos as faces: prepared as the training clips of whoever is asked were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.resolve import Request
from fusionbench.contract.aligner import Choice
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.prepared_store import open_prepared_store
from fusionbench.data.store import Store, is_store
from fusionbench.data.store_cache import cache_path, cached_stores
from fusionbench.predict.predictor import Predictor
from fusionbench.prepare.ask import default_aligner, way_of
from fusionbench.prepare.gaps import Policy
from fusionbench.prepare.part import Way, part_path
from fusionbench.prepare.prepare import OnBadClip, prepare
from fusionbench.prepare.recordings import Recording, find_recordings

MASK: Policy = "mask"
"""a frame without a face is not looked at"""
SAME = ("prepared", "aligner", "options", "size", "gaps")
"""what two preparations must share so that their faces are alike; ``face`` says whose face it is"""


@dataclass(frozen=True)
class Footage:
    """Prepared clips, and the recordings that they are from."""

    store: Store
    recordings: Mapping[str, Recording]
    """clip -> its recording, with absolute files; empty where a store was given"""

    def only_recording(self) -> Recording:
        """The one recording there is, to be drawn into.

        Raises:
            UserError: a store was given, which holds faces and no videos, or there are several clips.
        """
        clips = self.store.index.clips
        if not self.recordings:
            raise UserError("--overlay draws into a video: name the video in place of the store.")
        if len(clips) != 1:
            raise UserError(f"--overlay draws into one video; {len(clips)} clips came. Name one of them.")
        return self.recordings[clips[0].id]


def footage(
    predictor: Predictor,
    sources: Sequence[Path],
    *,
    on_bad_clip: OnBadClip,
    workers: int | None,
    catalog: Catalog,
    watch: Watch,
) -> Footage:
    """Prepare videos, or open one prepared store.

    What was prepared is kept in the cache: the same videos are prepared once.

    Args:
        predictor: who will be asked.
        sources: videos and folders of videos; or one store that ``fusionbench prepare`` wrote.
        on_bad_clip: ``fail`` or ``skip``.
        workers: processes; None = one a core, 0 = this one.
        catalog: plugins.
        watch: told of progress, and of how the faces are found.

    Raises:
        UserError: there is nothing to prepare, the aligner cannot work here, or the store was prepared
            otherwise than the training clips.
    """
    if len(sources) == 1 and is_store(sources[0].expanduser()):
        store = open_prepared_store(sources[0])
        _refuse_other(predictor, store, watch)
        return Footage(store, {})
    recordings = _recordings(sources)
    way, gaps = _way(predictor, catalog, watch)
    described = {**way.described(), "gaps": gaps, "on_bad_clip": on_bad_clip}
    parts = [part_path(Path(), each, described).name for each in recordings]

    def make(missing: Mapping[str, Path]) -> None:
        prepare(
            Path(),
            recordings,
            missing["faces"],
            way,
            gaps=gaps,
            on_bad_clip=on_bad_clip,
            workers=workers,
            watch=watch,
        )

    wanted = {"faces": cache_path("prepared", {"together": parts})}
    store = cached_stores(wanted, make, "another process prepares", watch)["faces"]
    for problem in store.made["skipped"]:
        watch.warn(f"left out: {problem['clip']}: {problem['reason']}")
    return Footage(store, {each.id: each for each in recordings})


def _recordings(sources: Sequence[Path]) -> list[Recording]:
    """All recordings of all sources, each once, under ids that differ."""
    found: dict[str, Recording] = {}
    seen = set()
    for source in sources:
        root, recordings = find_recordings(source)
        for recording in recordings:
            files = tuple(str((root / name).absolute()) for name in recording.files)
            if files in seen:
                continue
            seen.add(files)
            name = recording.id if recording.id not in found else files[0]
            found[name] = replace(recording, id=name, files=files, label="", split="")
    tables = [each.id for each in found.values() if each.kind == "openface"]
    if tables:
        raise UserError(
            f"{tables[0]!r} is a table of OpenFace. Prepare such tables first: fusionbench prepare SOURCE "
            "--out STORE, then give STORE."
        )
    return list(found.values())


def _way(predictor: Predictor, catalog: Catalog, watch: Watch) -> tuple[Way, Policy]:
    assert predictor.size is not None
    made = predictor.preparation
    if made is None:
        name, why = default_aligner(catalog)
        if predictor.window != 1:
            watch.warn(
                f"how the faces of {predictor.name} were cut out is not known: they are cut out by {name}, "
                f"at {predictor.size} pixels. If they looked otherwise, what is said of these is worth less."
            )
        return way_of(name, "track", predictor.size, Request(), catalog, watch, why), MASK
    request = Request({f"aligner.{name}": value for name, value in made["options"].items()})
    way = way_of(made["aligner"], cast(Choice, made["face"]), made["size"], request, catalog, watch)
    for what, version in way.aligner.versions(way.config).items():
        _tell_version(predictor, what, made["versions"].get(what), version, watch)
    if made["gaps"] == "drop-clip":
        watch.note("training left out clips with gaps; here the frames without a face are left out")
        return way, MASK
    return way, cast(Policy, made["gaps"])


def _refuse_other(predictor: Predictor, store: Store, watch: Watch) -> None:
    made = predictor.preparation
    if made is None:
        return
    other = [name for name in SAME if made[name] != store.made[name]]
    if other:
        listed = "; ".join(f"{name} {_shown(store.made[name])}, not {_shown(made[name])}" for name in other)
        raise UserError(
            f"{store.path} was prepared otherwise than the clips that {predictor.name} was trained on: "
            f"{listed}. Give the videos themselves: they are prepared as those were."
        )
    for what, version in store.made["versions"].items():
        _tell_version(predictor, what, made["versions"].get(what), version, watch)


def _tell_version(predictor: Predictor, what: str, then: Any, now: Any, watch: Watch) -> None:
    if then != now:
        watch.warn(f"{what} is {now}, and was {then} when the clips of {predictor.name} were prepared.")


def _shown(value: Any) -> str:
    return (
        ", ".join(f"{k}={v}" for k, v in value.items()) or "none" if isinstance(value, dict) else str(value)
    )
