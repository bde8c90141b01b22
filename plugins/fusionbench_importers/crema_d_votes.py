"""CREMA-D's votes: what raters made of the voice alone and of the face alone.

``processedResults/tabulatedVotes.csv`` of CheyneyComputerScience/CREMA-D (ODbL), made by its
``tabulateVotesV2.r``: a row for each clip and each way it was shown, numbered 100000 x way + clip
(1 voice, 2 face, 3 both); how many named each emotion (``A`` ... ``S``), and how strong they found it
on average (``meanAngerResp`` ..., 0 to 100, -1 where nobody named it).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

import fusionbench as fb

SHARES = ("A", "D", "F", "H", "N", "S")
STRENGTHS = (
    "meanAngerResp",
    "meanDisgustResp",
    "meanFearResp",
    "meanHappyResp",
    "meanNeutralResp",
    "meanSadResp",
)
WAYS = {1: "voice", 2: "face"}
"""first digit of a row's number -> stream; the third way is the raters who had both: the ceiling"""
BOTH = 3
_LARGEST = 64_000_000


class CremaDVotes(fb.Importer):
    """CREMA-D's votes (tabulatedVotes.csv): voice and face as human raters judged each alone.

    A clip is one moment. A stream has 12 numbers: the share of the raters who named each of
    the six emotions, and the mean strength they gave it as a share of 100, 0 where nobody named
    it. The label is the emotion that was acted, the subject the actor.
    """

    name = "crema_d_votes"

    def read(self, source: Path) -> fb.Contents:
        path = source / "processedResults" / "tabulatedVotes.csv" if source.is_dir() else source
        with fb.reading("votes", path, "Expected is tabulatedVotes.csv of the CREMA-D repository."):
            table = csv.DictReader(io.StringIO(fb.read_regular(path, _LARGEST).decode("utf-8"), newline=""))
            names = table.fieldnames or []
            missing = [name for name in ("", *SHARES, "fileName", *STRENGTHS) if name not in names]
            if missing:
                raise fb.Unreadable(f"it has no column {missing[0]!r}")
            rows: dict[str, dict[int, np.ndarray]] = {}
            for row in table:
                name, way = row["fileName"], int(row[""]) // 100_000
                if way in rows.setdefault(name, {}):
                    raise fb.Unreadable(f"line {table.line_num}: clip {name} comes twice")
                rows[name][way] = _votes(row, table.line_num)
        contents = fb.Contents((), [path], len(rows), ["emotion", "level", "sentence"])
        both = sum(BOTH in ways for ways in rows.values())
        contents.seen.append(f"not read: {both:,} rows of raters who had both, which are the ceiling.")
        contents.clips = _clips(path, rows, contents)
        return contents


def _clips(
    path: Path, rows: Mapping[str, Mapping[int, np.ndarray]], contents: fb.Contents
) -> Iterator[fb.SourceClip]:
    for name, ways in rows.items():
        if absent := [stream for way, stream in WAYS.items() if way not in ways]:
            contents.left_out.append(fb.Problem(name, f"nobody rated its {absent[0]}"))
            continue
        parts = name.split("_")
        if len(parts) != 4:
            raise fb.UserError(f"{path}: clip {name!r} is not named ACTOR_SENTENCE_EMOTION_LEVEL.")
        actor, sentence, emotion, level = parts
        yield fb.SourceClip(
            name,
            {stream: ways[way][None] for way, stream in WAYS.items()},
            {"emotion": emotion, "level": level, "sentence": sentence},
            subject=actor,
        )


def _votes(row: Mapping[str, str], line: int) -> np.ndarray:
    """``(12,)``: shares, then strengths."""
    try:
        counts = np.array([float(row[name]) for name in SHARES])
        strengths = np.array([float(row[name]) for name in STRENGTHS])
    except (TypeError, ValueError) as error:
        raise fb.Unreadable(f"line {line}: {error}") from error
    return np.concatenate([counts / max(counts.sum(), 1), np.where(strengths < 0, 0, strengths / 100)])


@fb.hookimpl
def importers() -> list[type[fb.Importer]]:
    return [CremaDVotes]
