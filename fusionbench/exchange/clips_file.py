"""``--clips FILE``: what a table says of each clip, laid over what the source says."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fusionbench.contract.errors import nearest
from fusionbench.contract.importer import SourceClip
from fusionbench.contract.reading import MEGABYTE, Unreadable, read_regular, reading
from fusionbench.exchange.leaving_out import LeftOut

_LARGEST = 256 * MEGABYTE
_OWN = ("split", "subject")
"""columns that are no labels"""
_ADVICE = "Its first line names the columns: id, and any of split, subject and labels."


@dataclass(frozen=True)
class ClipsFile:
    """The rows of such a table; without one, it says nothing."""

    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """clip -> column -> text"""
    labels: tuple[str, ...] = ()
    """columns that are labels, in order"""
    given: bool = False
    _used: set[str] = field(default_factory=set)

    def over(self, clip: SourceClip) -> SourceClip:
        """The clip with what its row says.

        Raises:
            LeftOut: there is a table, and it has no row for the clip.
        """
        if not self.given:
            return clip
        row = self.rows.get(clip.id)
        if row is None:
            raise LeftOut("--clips has no row for it")
        self._used.add(clip.id)
        labels = {**clip.labels, **{name: _value(row[name]) for name in self.labels}}
        own = {name: row[name] for name in _OWN if row.get(name)}
        return replace(clip, labels=labels, **own)  # type: ignore[arg-type]

    def told(self) -> list[str]:
        """Rows that no clip had, in a sentence; the nearest clip is offered for the first."""
        unused = [name for name in self.rows if name not in self._used]
        if not unused:
            return []
        close = nearest(unused[0], self._used)
        return [f"--clips: {len(unused):,} row(s) are of no clip, such as {unused[0]!r}.{close}"]


def read_clips_file(path: Path | None) -> ClipsFile:
    """Read a comma-separated table with one row a clip.

    Raises:
        UserError: it cannot be read, names no column ``id``, or has a clip twice.
    """
    if path is None:
        return ClipsFile()
    with reading("--clips", path, _ADVICE):
        text = read_regular(path, _LARGEST).decode("utf-8-sig")
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = [name.strip() for name in table.fieldnames or ()]
        table.fieldnames = columns
        if "id" not in columns or len(set(columns)) < len(columns):
            raise Unreadable(f"its columns are {', '.join(columns) or 'none'}")
        rows: dict[str, dict[str, str]] = {}
        for row in table:
            if None in row or None in row.values():
                raise Unreadable(f"line {table.line_num} has another number of columns than the first line")
            name = row["id"].strip()
            if name in rows:
                raise Unreadable(f"line {table.line_num}: clip {name!r} comes twice")
            rows[name] = {column: text.strip() for column, text in row.items()}
        return ClipsFile(rows, tuple(c for c in columns if c not in ("id", *_OWN)), given=True)


def _value(text: str) -> str | float | None:
    """A label as written; what is no whole number but one on a scale, as a number."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return text if text.lstrip("+-").isdecimal() else number
