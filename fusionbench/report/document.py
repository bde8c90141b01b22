"""What a report is made of: sections of words, tables and figures; how each is written is not said here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    """as people read it"""
    value: Any = None
    """as a program reads it, exact; None: the text"""
    strong: bool = False


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    number: bool = False
    """numbers stand on the right, one under the other"""
    heads: bool = False
    """its cells name their rows"""


@dataclass(frozen=True)
class Table:
    """Rows under columns. On the page, and as CSV, Markdown and LaTeX beside it."""

    name: str
    """of its files"""
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    shown: int = 100
    """rows on the page; the files have all"""


@dataclass(frozen=True)
class Picture:
    """A figure, what it shows in words, and its numbers."""

    name: str
    """of its files"""
    caption: str
    alt: str
    """what a reader who doesn't see it must know"""
    make: Callable[[], Figure]
    numbers: Table


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = ""
    """``answer``, ``caution`` or ``aside``; empty: plain"""


@dataclass(frozen=True)
class Points:
    """A list of short sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Lines to be typed or read as they stand."""

    text: str
    label: str
    """what they are, for readers who hear the page"""


@dataclass(frozen=True)
class Folded:
    """What is shown when it is asked for, and in print."""

    summary: str
    blocks: tuple[Block, ...]


Block: TypeAlias = "Words | Points | Code | Table | Picture | Folded"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A whole page."""

    title: str
    subtitle: str
    mark: str
    """what must be known before anything is read, as of generated data; empty where there is nothing"""
    sections: tuple[Section, ...]


def pictures(blocks: Sequence[Block]) -> list[Picture]:
    """Every figure, in order."""
    return [block for block in _flat(blocks) if isinstance(block, Picture)]


def tables(blocks: Sequence[Block]) -> list[Table]:
    """Every table, those of figures included, in order."""
    found = []
    for block in _flat(blocks):
        if isinstance(block, (Table, Picture)):
            found.append(block.numbers if isinstance(block, Picture) else block)
    return found


def _flat(blocks: Sequence[Block]) -> list[Block]:
    flat: list[Block] = []
    for block in blocks:
        flat += _flat(block.blocks) if isinstance(block, Folded) else [block]
    return flat
