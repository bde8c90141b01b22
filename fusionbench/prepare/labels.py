"""Whose recording it is and what it shows: from folders, from a table, or from a public set's file names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fusionbench.contract.errors import UserError, nearest, unknown
from fusionbench.contract.reading import MEGABYTE, read_regular, reading
from fusionbench.data.splits import MEANINGS, stored_split
from fusionbench.prepare.recordings import Recording

LEVELS = ("label", "split", "subject", "-")
"""what a level of folders may be called; ``-`` passes over one"""
NAME_COLUMNS = ("file", "path", "video", "clip", "id", "name")
"""columns of a table that may say which recording a line is about"""
LARGEST_TABLE = 256 * MEGABYTE

_EXPRESSIONS = {
    "rml": "an anger di disgust fe fear ha happiness sa sadness su surprise",
    "crema_d": "ang Anger dis Disgust fea Fear hap Happy neu Neutral sad Sad",
    "ravdess": "01 neutral 02 calm 03 happy 04 sad 05 angry 06 fearful 07 disgust 08 surprised",
}
_AFEW_CLASSES = "Angry Disgust Fear Happy Neutral Sad Surprise"
TREES = {
    # rml-1/s1/[language/]an1: albanie/mcnDatasets, rml/getRmlImdb.m
    "rml": r"(?:.*/)?(?P<subject>s\d+)/(?:[^/]+/)?(?P<code>an|di|fe|ha|sa|su)\d+",
    # VideoFlash/1001_DFA_ANG_XX: CheyneyComputerScience/CREMA-D, README
    "crema_d": r"(?:.*/)?(?P<subject>\d{4})_[a-z]{3}_(?P<code>ang|dis|fea|hap|neu|sad)_[a-z]{1,2}",
    # Actor_05/02-01-06-01-02-01-05: modality, channel, emotion, intensity, statement, repetition, actor
    "ravdess": r"(?:.*/)?\d\d-\d\d-(?P<code>0[1-8])-\d\d-\d\d-\d\d-(?P<subject>\d\d)",
    # Train_AFEW/Angry/000633000: EmotiW
    "afew": rf"(?:.*/)?(?P<split>train|val)(?:_afew)?/(?:.*/)?(?P<label>{_AFEW_CLASSES.replace(' ', '|')})"
    r"/(?:.*/)?\d+",
}
"""raw trees of public sets -> what a recording's id is like there"""


def from_folders(recordings: Iterable[Recording], levels: str) -> list[Recording]:
    """Labels, splits and subjects as the folders above a recording are called.

    Args:
        recordings: what was found.
        levels: names of the levels from the source down, as in ``split/label``.

    Raises:
        UserError: a level has another name, a recording lies too high, or a split is none.
    """
    names = levels.strip("/").split("/")
    wrong = [name for name in names if name not in LEVELS]
    if wrong or len({n for n in names if n != "-"}) < sum(n != "-" for n in names):
        what = f"no level {wrong[0]!r}.{nearest(wrong[0], LEVELS)}" if wrong else "a level comes twice."
        raise UserError(f"--folders {levels}: {what} Levels: {', '.join(LEVELS)}, as in split/label.")
    labelled = []
    for recording in recordings:
        above = PurePosixPath(recording.id).parts[:-1]
        if len(above) < len(names):
            raise UserError(
                f"--folders {levels}: {recording.id!r} lies below {len(above)} folder(s), not {len(names)}. "
                "Move it, or use --labels FILE.csv."
            )
        said = {name: folder for name, folder in zip(names, above, strict=False) if name != "-"}
        labelled.append(_said(recording, said))
    return labelled


def from_table(recordings: Sequence[Recording], table: Path) -> tuple[list[Recording], list[str]]:
    """Labels, splits and subjects of a csv: a column names the recording, others are called as these.

    Returns:
        the recordings that the table names, and the ids of those that it does not.

    Raises:
        UserError: the table is malformed, or names a recording twice or one that is not there.
    """
    with reading("labels", table, "Mend the table."):
        text = read_regular(table, LARGEST_TABLE).decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, restkey="", strict=True)
    with reading("labels", table, "Mend the table."):
        columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
        rows = list(reader)
    key = next((name for name in NAME_COLUMNS if name in columns), None)
    known = [name for name in LEVELS[:3] if name in columns]
    if key is None or not known:
        raise UserError(
            f"labels {table}: the columns are {', '.join(columns) or 'none'}; wanted are one of "
            f"{', '.join(NAME_COLUMNS)} and at least one of label, split, subject."
        )
    named = {name: r for r in recordings for name in (r.id, r.files[0], PurePosixPath(r.files[0]).name)}
    often = [PurePosixPath(r.files[0]).name for r in recordings]
    found: dict[str, Recording] = {}
    for line, row in enumerate(rows, start=2):
        name = str(row[columns[key]] or "").strip().removeprefix("./")
        recording = named.get(name)
        if recording is None:
            raise UserError(f"labels {table}, line {line}: no recording {name!r}.{nearest(name, named)}")
        if name != recording.id and name != recording.files[0] and often.count(name) > 1:
            raise UserError(
                f"labels {table}, line {line}: several recordings are called {name!r}. Add folders."
            )
        if recording.id in found:
            raise UserError(f"labels {table}, line {line}: {recording.id!r} came before.")
        said = {level: str(row[columns[level]] or "").strip() for level in known}
        found[recording.id] = _said(recording, {level: value for level, value in said.items() if value})
    rest = [recording.id for recording in recordings if recording.id not in found]
    return [found[r.id] for r in recordings if r.id in found], rest


def from_tree(recordings: Sequence[Recording], tree: str) -> tuple[list[Recording], list[str]]:
    """Labels, splits and subjects as a public set's files are called.

    Returns:
        the recordings whose names say so, and the ids of those whose names do not.

    Raises:
        UserError: no tree has the name, or no recording is called so.
    """
    if tree not in TREES:
        raise unknown("tree", tree, TREES)
    codes = _EXPRESSIONS.get(tree, "").split()
    label_of = dict(zip(codes[::2], codes[1::2], strict=True))
    found, rest = [], []
    for recording in recordings:
        match = re.fullmatch(TREES[tree], recording.id, re.IGNORECASE)
        if match is None:
            rest.append(recording.id)
            continue
        said = {name: value for name, value in match.groupdict().items() if name in LEVELS}
        if "code" in match.groupdict():
            said["label"] = label_of[match["code"].lower()]
        if "split" in said:  # the official validation set is what is reported on
            said["split"] = "train" if said["split"].lower() == "train" else "report"
        found.append(_said(recording, said))
    if not found:
        raise UserError(f"--tree {tree}: no recording is called as there, such as {recordings[0].id!r}.")
    return found, rest


def _said(recording: Recording, said: dict[str, str]) -> Recording:
    split = said.get("split", "")
    stored = stored_split(split) if split else ""
    if stored is None:
        stored = stored_split(split.lower())
    if stored is None:
        raise UserError(f"{recording.id!r}: unknown split {split!r}. Splits: {MEANINGS}.")
    return replace(recording, label=said.get("label", ""), split=stored, subject=said.get("subject") or None)
