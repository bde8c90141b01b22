"""On which terms rows are judged: the metric, the margin of equivalence, the family of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fusionbench.contract.errors import UserError, nearest, unknown
from fusionbench.statistics.families import MARGIN

Family = Literal["all", "against"]
KEYS = ("metric", "against", "margin", "family")
"""what an experiment's ``compare`` section may hold"""


@dataclass(frozen=True)
class Terms:
    """Declared before any score is seen."""

    metric: str | None = None
    """None = the protocol's headline metric"""
    margin: float = MARGIN
    """a difference within it is none that matters; a fraction, as the metrics are"""
    against: str | None = None
    """the row that all others are judged against, where the family is ``against``"""
    family: Family = "all"

    def refuse_absent(self, labels: Iterable[str]) -> None:
        """See that the row to judge against is one, before anything is trained.

        Raises:
            UserError: no row has that label.
        """
        rows = list(dict.fromkeys(labels))
        if self.against is not None and self.against not in rows:
            raise unknown("row to judge against", self.against, rows, listed="Rows")

    def pairs(self, rows: int) -> int:
        """How many pairs are judged together."""
        return rows * (rows - 1) // 2 if self.family == "all" else rows - 1


def read_terms(given: Mapping[str, Any], where: str) -> Terms:
    """Terms from an experiment's ``compare`` section; margins are given in points.

    Args:
        given: the section.
        where: file and line, for errors.

    Raises:
        UserError: an unknown key, a margin that is no positive number, a family without its row.
    """
    unknown = next((str(key) for key in given if key not in KEYS), None)
    if unknown is not None:
        raise UserError(
            f"{where}: compare has no {unknown!r}.{nearest(unknown, KEYS)} It may have {', '.join(KEYS)}."
        )
    against = given.get("against")
    if against is not None and not isinstance(against, (str, int)):
        raise UserError(f"{where}: compare.against is {against!r}; give the label of a row, as in mult.")
    family = given.get("family", "all" if against is None else "against")
    if family not in get_args(Family):
        raise UserError(f"{where}: compare.family is {family!r}; give all or against.")
    if family == "against" and against is None:
        raise UserError(f"{where}: compare.family is against; name the row: against: mult.")
    margin = given.get("margin", 100 * MARGIN)
    if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 < margin < 100:
        raise UserError(f"{where}: compare.margin is {margin!r}; give points between 0 and 100, as in 1.0.")
    metric = given.get("metric")
    if metric is not None and not isinstance(metric, str):
        raise UserError(f"{where}: compare.metric is {metric!r}; give the name of a metric, as in uar.")
    return Terms(metric, margin / 100, None if against is None else str(against), family)
