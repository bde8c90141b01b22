"""The pages that a reader sees, and the fenced blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"(?P<indent> *)```(?P<language>\w*) *(?P<rest>.*)")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    """of its first line of text, counted from 1"""
    language: str
    title: str
    """name of the file that the block shows, or empty"""
    text: str

    @property
    def place(self) -> str:
        """``docs/compare.md:12``"""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Step:
    """A command, and what the page says it prints."""

    command: str
    shown: tuple[str, ...] = ()


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    return [_block(page, found, number, lines) for number, line in lines if (found := _FENCE.fullmatch(line))]


def _block(page: Path, fence: re.Match[str], opened: int, lines: Iterator[tuple[int, str]]) -> Block:
    indent = len(fence["indent"])
    text = []
    for _, line in lines:
        if line.strip() == "```":
            break
        text.append(line[indent:])
    else:
        raise ValueError(f"{page}, line {opened}: this block is never closed")
    title = _TITLE.search(fence["rest"])
    name = str(page.relative_to(ROOT))
    return Block(name, opened + 1, fence["language"], title[1] if title else "", "\n".join(text) + "\n")


def steps(block: Block) -> list[Step]:
    """The commands of a ``bash`` or ``console`` block; only the latter shows what they print."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "bash":
        return [Step(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    made: list[Step] = []
    for line in lines:
        if line.startswith("$ "):
            made.append(Step(line[2:]))
        elif line.strip() and line.strip() != "...":
            made[-1] = Step(made[-1].command, (*made[-1].shown, line))
    return made
