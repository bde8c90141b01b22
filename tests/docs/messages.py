"""Every text that the code may print, with ``…`` where it fills something in."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT

HOLE = "…"


@functools.cache
def messages() -> str:
    """The texts of all modules, one a line; a hole stands for anything, also for nothing."""
    files = [*(ROOT / "fusionbench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    return "\n".join(text for file in sorted(files) for text in _texts(file.read_text(encoding="utf-8")))


def _texts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(p.value if isinstance(p, ast.Constant) else HOLE for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_printed(quote: str) -> bool:
    """Whether a message that a page quotes, holes and all, stands in the code."""
    found = re.escape(quote.strip()).replace(re.escape(HOLE), ".*?")
    return re.search(found, messages()) is not None
