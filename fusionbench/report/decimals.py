"""Numbers as people read them: no digit that an interval does not warrant."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fusionbench.report.document import Cell

MOST = 2
"""decimals of points, whatever the intervals"""
MINUS = "−"
NOTHING = "–"


def warranted(half_widths: Iterable[float]) -> int:
    """Decimals that the narrowest of these intervals warrants, so that a column has one number of them.

    The rule of the Particle Data Group (Review of Particle Physics, "Rounding"): of the first three
    digits of the half width, 100 to 354 are given with two digits, 355 to 949 with one, 950 to 999
    become 1000 and are given with two.

    Args:
        half_widths: in the unit that is shown; those that are 0 or not finite say nothing.
    """
    known = [half for half in half_widths if math.isfinite(half) and half > 0]
    if not known:
        return 1
    narrowest = min(known)
    exponent = math.floor(math.log10(narrowest))
    first_three = round(narrowest / 10.0 ** (exponent - 2))
    if first_three >= 950:
        exponent, first_three = exponent + 1, 100
    digits = 2 if first_three <= 354 else 1
    return min(MOST, max(0, digits - 1 - exponent))


def points(fraction: float, decimals: int = 1, *, sign: bool = False) -> str:
    """A share in percent, or a difference in points, with a real minus; a rounded 0 has no sign."""
    if not math.isfinite(fraction):
        return "not finite"
    said = f"{100 * fraction:+.{decimals}f}"
    if float(said) == 0:
        return said[1:]
    if said[0] == "-":
        return MINUS + said[1:]
    return said if sign else said[1:]


def margin_of(fraction: float) -> str:
    """A margin in words: ``1 point``, ``0.5 points``."""
    size = f"{100 * fraction:g}"
    return f"{size} point" if size == "1" else f"{size} points"


def share(fraction: float, decimals: int = 1, *, strong: bool = False) -> Cell:
    """A cell with a share in percent."""
    return Cell(points(fraction, decimals), fraction, strong)


def spread(mean: float, deviation: float | None, decimals: int = 1, *, strong: bool = False) -> Cell:
    """A cell with a mean and its standard deviation, if there is one."""
    beside = "" if deviation is None else f" ± {points(deviation, decimals)}"
    return Cell(points(mean, decimals) + beside, mean, strong)


def probability(p: float) -> Cell:
    """A cell with a p value."""
    return Cell("< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 1 else "1", p)


def count(number: float) -> Cell:
    """A cell with a whole number, its thousands apart."""
    return Cell(f"{number:,.0f}", int(number) if float(number).is_integer() else number)


def measured(value: float) -> Cell:
    """A cell with a measured quantity, three digits of it."""
    if value >= 100:
        return Cell(f"{float(f'{value:.3g}'):,.0f}", value)
    return Cell(f"{value:#.3g}", value)


def large(number: float) -> Cell:
    """A cell with a large count, three digits of it: ``1.58 M``."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return Cell(f"{number / size:.3g} {letter}", number)
    return count(number)
