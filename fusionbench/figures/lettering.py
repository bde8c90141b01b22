"""Text from data on a figure: made drawable, measured, shortened in the middle, wrapped."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, get_font_names
from matplotlib.textpath import text_to_path

from fusionbench.figures.quiet import quiet

POINTS = 8
"""font size of everything"""
NAMELESS = "(no name)"

_FONT = "DejaVu Sans"  # comes with matplotlib: the same letters, and the same bytes, on every machine
_MORE_FONTS = (
    "Droid Sans Fallback",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "Malgun Gothic",
    "Noto Sans CJK SC",  # after those with TrueType outlines, which a PDF holds as type 42
    "Noto Sans Devanagari",
    "Noto Emoji",
)
"""for letters that the first font lacks, where one is installed"""
_MOST = 400  # characters that are looked at: a longer name is cut before it is measured
_JOINERS = "\u200c\u200d"  # format characters that letters and emoji need


@functools.cache
def families() -> list[str]:
    """The font of everything, and those that stand in where it has no letter."""
    installed = set(get_font_names())
    return [_FONT, *(name for name in _MORE_FONTS if name in installed)]


@functools.lru_cache(maxsize=4096)
def line_width(text: str) -> float:
    """Inches that one line of text takes."""
    font = FontProperties(family=families(), size=POINTS)
    with quiet():
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def drawable(text: object) -> str:
    """Text on one line, without what no font can draw or what turns the direction of writing."""
    words = str(text)
    if len(words) > _MOST:
        words = f"{words[: _MOST // 2]}…{words[-_MOST // 2 :]}"
    letters = (
        "" if unicodedata.category(c) == "Cf" and c not in _JOINERS
        else "\ufffd" if unicodedata.category(c) in ("Cs", "Cn", "Co")
        else " " if unicodedata.category(c) == "Cc"
        else c
        for c in words
    )  # fmt: skip
    return " ".join("".join(letters).split()) or NAMELESS


def shortened(text: object, inches: float) -> str:
    """Text that takes no more than so many inches; what is too much goes from the middle."""
    whole = drawable(text)
    if line_width(whole) <= inches:
        return whole
    fits, too_long = 0, len(whole)  # characters kept
    while too_long - fits > 1:
        kept = (fits + too_long) // 2
        fits, too_long = (kept, too_long) if line_width(_cut(whole, kept)) <= inches else (fits, kept)
    return _cut(whole, fits)


def _cut(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    return f"{text[:head].rstrip()}…{text[len(text) - (kept - head) :].lstrip()}"


def distinct(names: Sequence[object], inches: float) -> list[str]:
    """Each name shortened; names that would look the same get their number in front.

    Args:
        names: in the order that numbers them, from 1.
        inches: that each may take.
    """
    short = [shortened(name, inches) for name in names]
    seen = Counter(short)
    return [
        shortened(f"{number}: {drawable(name)}", inches) if seen[label] > 1 else label
        for number, (name, label) in enumerate(zip(names, short, strict=True), 1)
    ]


def wrapped(text: object, inches: float) -> list[str]:
    """Lines of text that take no more than so many inches each."""
    lines = [""]
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if line_width(longer) <= inches:
            lines[-1] = longer
        else:
            lines.append(shortened(word, inches))
    return [line for line in lines if line]
