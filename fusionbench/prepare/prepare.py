"""``prepare``: recordings in, one store of aligned faces out, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fusionbench.contract.dataset import Problem
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.place import writes_to
from fusionbench.data.prepared_store import open_prepared_store
from fusionbench.data.store import Store, open_store
from fusionbench.data.store_format import DESCRIPTION, kind_of
from fusionbench.data.store_writer import writing
from fusionbench.prepare.crew import prepare_all
from fusionbench.prepare.gaps import Policy, Treated, described
from fusionbench.prepare.part import Counted, Way
from fusionbench.prepare.recordings import Recording
from fusionbench.prepare.sheet import sheet_name, write_sheet

SHEETS = "sheets"
"""folder of the contact sheets in a store"""
ROWS = 256
"""frames that are copied at a time"""
OnBadClip = Literal["fail", "skip"]


@dataclass(frozen=True)
class Prepared:
    """What became of the recordings."""

    store: Store
    counted: Mapping[str, Counted]
    """clip -> what was found in it"""
    skipped: tuple[Problem, ...]
    sheets: Path


def prepare(
    root: Path,
    recordings: Sequence[Recording],
    out: Path,
    way: Way,
    *,
    gaps: Policy = "mask",
    on_bad_clip: OnBadClip = "fail",
    stand_in: bool = False,
    workers: int | None = None,
    watch: Watch | None = None,
) -> Prepared:
    """Prepare recordings into a store at ``out``.

    Each is prepared into the cache first, so that the same call goes on where one was killed;
    what is there goes once the store is complete.

    Args:
        root: what the recordings' files are relative to.
        recordings: what to prepare, in the store's order.
        out: folder to write; a prepared store that is there is replaced.
        way: how faces are found and cut out.
        gaps: what is done with frames without a face: kept as gaps, filled from the nearest frame
            with one, or the whole clip left out.
        on_bad_clip: ``fail`` writes nothing where one cannot be read; ``skip`` leaves it out.
        stand_in: whether the recordings are generated.
        workers: processes; None = one a core, 0 = this one.
        watch: told of progress.

    Raises:
        UserError: recordings are bad and the policy is ``fail``, none is good, the aligner cannot
            work, or nothing can be written.
    """
    watch = watch or Watch()
    check_target(out)
    missing = way.aligner.missing(way.config)
    if missing:
        raise UserError(f"aligner {way.aligner.name!r} cannot work here: {missing}.")
    count = min(os.cpu_count() or 1, len(recordings)) if workers is None else workers
    parts = prepare_all(root, recordings, way, count, watch)
    good, skipped = _sorted_out(recordings, parts, gaps, on_bad_clip)
    made: dict[str, Any] = {
        **way.described(),
        "gaps": gaps,
        "clips": {recording.id: found.plain() for recording, _, found in good},
        "skipped": [{"clip": problem.clip, "reason": problem.reason} for problem in skipped],
    }
    with writing(out, "frames", watch) as writer:
        sheets = writer.beside(SHEETS)
        for done, (recording, path, _) in enumerate(good):
            clip = Treated(open_store(path).arrays, gaps)
            writer.append_blocks(recording.clip, clip.blocks(ROWS))
            with writes_to(out):
                write_sheet(sheets / sheet_name(done, recording.id), clip)
            watch.progress("writing clips", done + 1, len(good))
        writer.finish(made, stand_in)
    for _, path, _ in good:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)
    store = open_prepared_store(out)
    return Prepared(
        store, {recording.id: found for recording, _, found in good}, tuple(skipped), out / SHEETS
    )


def check_target(out: Path) -> None:
    """Refuse a folder that holds something else, before hours are spent.

    Raises:
        UserError: it does, or cannot be looked into.
    """
    out = out.expanduser()
    with writes_to(out):
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file. Nothing was written; name a new folder.")
        if out.is_dir() and any(out.iterdir()) and kind_of(out) is None:
            raise UserError(
                f"{out} holds files and no store ({DESCRIPTION}). Nothing was written; name a new folder."
            )
        if kind_of(out) not in (None, "frames"):
            raise UserError(f"{out} is a store of {kind_of(out)}. Nothing was written; name a new folder.")


def _sorted_out(
    recordings: Sequence[Recording],
    parts: Sequence[tuple[Path, Counted | Problem]],
    gaps: Policy,
    on_bad_clip: OnBadClip,
) -> tuple[list[tuple[Recording, Path, Counted]], list[Problem]]:
    good, bad, dropped = [], [], []
    for recording, (path, found) in zip(recordings, parts, strict=True):
        if isinstance(found, Problem):
            bad.append(found)
        elif gaps == "drop-clip" and found.gaps:
            dropped.append(Problem(recording.id, f"it has gaps: {described(found.gaps)}"))
        else:
            good.append((recording, path, found))
    if bad and on_bad_clip == "fail":
        raise UserError(
            f"{listed(bad)}\nNothing was written. Mend them, or add --on-bad-clip skip to go on without "
            "them; what could be prepared is kept for that."
        )
    if not good:
        raise UserError(f"{listed(bad + dropped)}\nNo clip is left; nothing was written.")
    return good, bad + dropped


def listed(problems: Sequence[Problem], most: int = 10) -> str:
    """Clips with what is wrong with each."""
    lines = [f"  {problem.clip}: {problem.reason}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"  and {len(problems) - most} more")
    return "\n".join([f"{len(problems)} clip(s) cannot be prepared:", *lines])
