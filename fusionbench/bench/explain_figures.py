"""The figures of an explained run: drawn clip by clip, kept in the run, and in a folder of the user's."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.bench.attention_views import View, most_read, views
from fusionbench.bench.explain import Explained, ExplainedRun
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.contract.writing import written_whole
from fusionbench.track.opening import add_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "explain"
"""artifact folder of the figures"""
FORMS = ("png", "svg")
MOST_CLIPS = 100
"""that are explained by one command"""
_LONGEST_NAME = 60


@dataclass(frozen=True)
class ClipFigures:
    """What came of one clip."""

    clip: str
    truth: str
    predicted: str
    probability: float
    frame: int
    """the target frame, counted from 1 among those that the run takes of the clip"""
    files: list[str] = field(default_factory=list)
    """relative to the folder"""


def check_folder(folder: Path) -> None:
    """Make the folder that figures go to, before anything is computed for them.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"figures cannot be written to {folder}: {error.strerror}. Name another folder."
        ) from error


def explain_clips(
    run: ExplainedRun, clips: Sequence[str], frame: int | None, out: Path | None, watch: Watch
) -> tuple[list[ClipFigures], str | None]:
    """Draw what the head attended to in each clip, and a sheet of them all where there are faces.

    Args:
        run: opened.
        clips: ids.
        frame: the target frame, counted from 1; None = the one that is read most.
        out: folder that the figures also go to; None = the run alone.
        watch: told of progress and of what is not drawn.

    Returns:
        what came of each clip, and the file of the sheet (None: there are no frames).

    Raises:
        UserError: a clip is not known, is too long or has no such frame, or there are too many.
    """
    if len(clips) > MOST_CLIPS:
        raise UserError(f"{len(clips)} clips were named; at most {MOST_CLIPS} are explained at once.")
    run.refuse_unknown(clips)
    if not run.has_frames:
        watch.note("no faces are drawn: the run's data are streams, without frames")
    with tempfile.TemporaryDirectory(prefix="fusionbench-") as scratch:
        folder = Path(scratch)
        done, explained = [], []
        for number, clip in enumerate(clips, 1):
            watch.progress("explaining clips", number - 1, len(clips))
            one = run.explain(clip)
            explained.append(one)
            done.append(_draw_clip(run, one, number, frame, folder, watch))
        watch.progress("explaining clips", len(clips), len(clips))
        sheet = _draw_sheet(run, explained, folder, watch) if run.has_frames else None
        add_files(run.record.run_id, folder, FOLDER)
        if out is not None:
            for file in sorted(folder.iterdir()):
                with written_whole(out / file.name) as aside:
                    aside.write_bytes(file.read_bytes())
    return done, sheet


def _draw_clip(
    run: ExplainedRun, one: Explained, number: int, frame: int | None, folder: Path, watch: Watch
) -> ClipFigures:
    from fusionbench.figures.files import drawn

    found = views(one.attention, list(run.streams), one.time)
    if frame is not None and not 1 <= frame <= one.time:
        raise UserError(f"clip {one.clip!r} has no frame {frame}: the run takes {one.time} of it.")
    target = most_read(found, one.time) if frame is None else frame - 1
    made = ClipFigures(one.clip, one.truth, one.predicted, one.probability, target + 1)
    for name, make in _figures(run, one, found, target):
        stem = f"{number:02d}-{_plain(one.clip)}-{_plain(name)}"
        if drawn(make, watch.warn, *(folder / f"{stem}.{form}" for form in FORMS)):
            made.files.append(f"{stem}.{FORMS[0]}")
    return made


def _figures(
    run: ExplainedRun, one: Explained, found: Sequence[View], target: int
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name -> what draws it."""
    from fusionbench.figures.attention import attention_along, attention_maps, frame_attention
    from fusionbench.figures.faces import region_neighbours

    streams, stand_in = tuple(run.streams), run.model.stand_in
    for view in found:
        title = f"{run.record.name}, {one.clip}: {view.name}"
        if view.maps:
            marked = target if view.frames else None
            yield view.name, functools.partial(attention_maps, view.maps, marked, title, stand_in=stand_in)
        if view.maps and view.frames:
            draw = functools.partial(frame_attention, view.maps, target, title, stand_in=stand_in)
            yield f"{view.name} frame {target + 1}", draw
        if view.lines:
            names = streams if view.along == "stream" else ()
            draw = functools.partial(
                attention_along, view.lines, view.along, title, names=names, stand_in=stand_in
            )
            yield f"{view.name} along {view.along}", draw
    regions = run.regions(one, target)
    if regions is not None and one.frames is not None:
        region = regions.most_read
        title = f"{one.clip}, frame {target + 1}: what region {region + 1} reads"
        yield (
            f"regions frame {target + 1}",
            functools.partial(
                region_neighbours, one.frames[target], regions.boxes, regions.weights[region], region, title,
                stand_in=stand_in,
            ),
        )  # fmt: skip


def _draw_sheet(run: ExplainedRun, explained: Sequence[Explained], folder: Path, watch: Watch) -> str | None:
    """The clips side by side: frames, what is true, what was said."""
    from fusionbench.figures.faces import Sample, contact_sheet
    from fusionbench.figures.files import drawn

    samples = [
        Sample(one.clip, one.frames, one.truth, one.predicted, one.probability)
        for one in explained
        if one.frames is not None
    ]
    files = [folder / f"samples.{form}" for form in FORMS]
    made = drawn(
        lambda: contact_sheet(samples, run.record.name, stand_in=run.model.stand_in), watch.warn, *files
    )
    return files[0].name if made else None


def _plain(text: str) -> str:
    """As part of a file's name, on any system."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[-_LONGEST_NAME:] or "clip"
