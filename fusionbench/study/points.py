"""The points of a space in the order that a study tries them: the same for whoever draws, however many draw.

Point number k of a study follows from its seed and k alone. So processes that draw by turns, or go
on after a kill, try what one undisturbed process would have tried. Optuna's random sampler draws from
a state in memory, which no two processes share; its TPE is used where it is asked for (`ledger`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from fusionbench.contract.hashing import digest
from fusionbench.study.space import Space

FEW = 10_000
"""points that are put into an order of chance as a whole, so that none comes twice"""


def points(space: Space, sampler: str, seed: int) -> Iterator[dict[str, Any]]:
    """Every point of a grid, or points at random; an empty point is the default configuration.

    A grid goes through its points in order. Every other search begins with the default. Options
    of one name are drawn alike in every space: heads that are tuned side by side try the same
    learning rates.

    Args:
        space: what to draw from.
        sampler: ``grid`` or another one.
        seed: of the study.
    """
    if sampler == "grid":
        yield from space.points()
        return
    yield {}
    if space.listed and space.size <= FEW:
        yield from sorted(space.points(), key=lambda point: digest([seed, point]))
        return
    for number in count():
        yield {axis.key: axis.at(_share(seed, number, axis.key)) for axis in space.axes}


def _share(seed: int, number: int, key: str) -> float:
    """A number from 0 to 1, less than 1, that is evenly spread over numbers and keys."""
    return int(digest([seed, number, key])[:13], 16) / 16**13
