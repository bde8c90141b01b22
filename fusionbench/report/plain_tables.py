"""A table as CSV, exact and for programs, and as Markdown, rounded and for people."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from fusionbench.report.document import Cell, Table

_MARKED = "\\|`*_<>[]"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""a text that begins so is run by spreadsheets"""


def as_csv(table: Table) -> str:
    """One line of names, then the rows; shares as fractions with all their digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_text(column.name) for column in table.columns])
    writer.writerows([_value(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _value(cell: Cell) -> Any:
    value = cell.text if cell.value is None else cell.value
    if isinstance(value, str):
        return _text(value)
    return "" if isinstance(value, float) and math.isnan(value) else value


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def as_markdown(table: Table) -> str:
    """A pipe table under its caption."""
    names = [_escaped(column.name) for column in table.columns]
    rules = ["---:" if column.number else "---" for column in table.columns]
    rows = [[_strong(cell) for cell in row] for row in table.rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (names, rules, *rows)]
    return "\n".join([_escaped(table.caption), "", *lines]) + "\n"


def _strong(cell: Cell) -> str:
    text = _escaped(cell.text)
    return f"**{text}**" if cell.strong and text else text


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in _MARKED else c for c in " ".join(text.split()))
