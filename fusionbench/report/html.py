"""A report as one HTML file that asks nobody for anything. Here, and only here, text becomes markup."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

from fusionbench.report.document import (
    Block,
    Cell,
    Code,
    Column,
    Folded,
    Picture,
    Points,
    Report,
    Section,
    Table,
    Words,
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""what a browser may load for the page: nothing but what is written in it"""

Drawings = Mapping[str, bytes]
"""name of a figure -> its SVG; a figure that could not be drawn is not among them"""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def html(report: Report, drawings: Drawings) -> str:
    """The whole page."""
    contents = "".join(
        f'<li><a href="#{_attribute(section.anchor)}">{_text(section.title)}</a></li>'
        for section in report.sections
    )
    mark = f'<p class="mark" role="note">{_text(report.mark)}</p>\n' if report.mark else ""
    sections = "\n".join(_section(section, drawings) for section in report.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_attribute(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(report.title)}</title>
<link rel="icon" href="data:,">
<style>
{_style()}</style>
</head>
<body>
<a class="skip" href="#{_attribute(report.sections[0].anchor)}">Skip to the answer</a>
<header>
{mark}<h1>{_text(report.title)}</h1>
<p class="subtitle">{_text(report.subtitle)}</p>
</header>
<nav aria-label="Contents"><ol>{contents}</ol></nav>
<main>
{sections}
</main>
</body>
</html>
"""


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _section(section: Section, drawings: Drawings) -> str:
    anchor = _attribute(section.anchor)
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n'
        f'<h2 id="{anchor}-title">{_text(section.title)}</h2>\n{_blocks(section.blocks, drawings)}</section>'
    )


def _blocks(blocks: Sequence[Block], drawings: Drawings) -> str:
    return "".join(_block(block, drawings) + "\n" for block in blocks)


def _block(block: Block, drawings: Drawings) -> str:
    if isinstance(block, Words):
        kind = f' class="{_attribute(block.kind)}"' if block.kind else ""
        return f"<p{kind}>{_text(block.text)}</p>"
    if isinstance(block, Points):
        return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Code):
        return (
            f'<pre tabindex="0" role="region" aria-label="{_attribute(block.label)}">'
            f"<code>{_text(block.text, lines=True)}</code></pre>"
        )
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        return _picture(block, drawings)
    return _folded(block, drawings)


def _folded(block: Folded, drawings: Drawings) -> str:
    return f"<details><summary>{_text(block.summary)}</summary>\n{_blocks(block.blocks, drawings)}</details>"


def _picture(picture: Picture, drawings: Drawings) -> str:
    numbers = f"<details><summary>Numbers of this figure</summary>\n{_table(picture.numbers)}</details>"
    drawing = drawings.get(picture.name)
    if drawing is None:
        return f'<p class="caution">{_text(picture.caption)} This figure could not be drawn.</p>\n{numbers}'
    width, height = _pixels(drawing)
    data = base64.b64encode(drawing).decode("ascii")
    return (
        f'<figure style="--natural: {width}px">'
        f'<img alt="{_attribute(picture.alt)}" width="{width}" height="{height}" '
        f'src="data:image/svg+xml;base64,{data}">\n'
        f"<figcaption>{_text(picture.caption)}</figcaption></figure>\n{numbers}"
    )


def _pixels(drawing: bytes) -> tuple[int, int]:
    """Natural size, so that the page does not move while it loads."""
    width, height = (
        re.search(rb'<svg[^>]*\s%s="([\d.]+)pt"' % side, drawing) for side in (b"width", b"height")
    )
    assert width and height, "matplotlib gives both in points"
    return round(float(width[1]) * 96 / 72), round(float(height[1]) * 96 / 72)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col"{_side(column)}>{_text(column.name)}</th>' for column in table.columns)
    body = "".join(f"<tr>{_row(row, table.columns)}</tr>\n" for row in table.rows[: table.shown])
    left = len(table.rows) - table.shown
    more = f" Shown are the first {table.shown}; {left} more are in the files." if left > 0 else ""
    files = f'<span class="files">tables/{_text(table.name)}.csv, .md, .tex</span>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_attribute(table.caption)}"><table>\n'
        f"<caption>{_text(table.caption + more)} {files}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )


def _row(row: Sequence[Cell], columns: Sequence[Column]) -> str:
    made = []
    for cell, column in zip(row, columns, strict=True):
        text = f"<strong>{_text(cell.text)}</strong>" if cell.strong and cell.text else _text(cell.text)
        name, scope = ("th", ' scope="row"') if column.heads else ("td", "")
        made.append(f"<{name}{scope}{_side(column)}>{text}</{name}>")
    return "".join(made)


def _side(column: Column) -> str:
    return ' class="number"' if column.number else ""


def _text(text: str, *, lines: bool = False) -> str:
    """Text as it stands; what no page may hold becomes a mark."""
    clean = _CONTROL.sub("\ufffd", text)
    return escape(clean if lines else " ".join(clean.split()), quote=False)


def _attribute(text: str) -> str:
    return escape(" ".join(_CONTROL.sub("\ufffd", text).split()), quote=True)
