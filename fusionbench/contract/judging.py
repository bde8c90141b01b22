"""What a run is judged by: the metrics of its protocol, the one that decides, the positive class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusionbench.contract.errors import UserError, nearest

SPOKEN = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "f1": "macro F1",
    "m": "M",
    "positive_f1": "positive F1",
}
"""every metric that can decide -> how tables and figures call it"""
POSITIVE = "positive_f1"
ACCURACY_IN_M, F1_IN_M = 0.33, 0.67
"""weights of the expression score of Aff-Wild2 (Kollias et al., first ABAW competition, 2020)"""


@dataclass(frozen=True)
class Judging:
    """Metrics, the one that decides first: it chooses epochs, ranks and is drawn."""

    metrics: tuple[str, ...] = ("accuracy", "uar", "f1")
    positive: int | None = None
    """number of the positive class, where one was named"""

    @property
    def decides(self) -> str:
        """The metric that chooses epochs and ranks."""
        return self.metrics[0]


USUAL = Judging()
"""of a protocol that says nothing else"""


def offered(headline: str, metrics: Sequence[str], positive: str | None) -> tuple[str, ...]:
    """The metrics that a run may be judged by: its protocol's, and F1 of the positive class if there is one.

    Raises:
        UserError: the protocol names a metric that nobody can compute.
    """
    named = tuple(dict.fromkeys((headline, *metrics, *([POSITIVE] if positive is not None else []))))
    for name in named:
        if name not in SPOKEN:
            raise UserError(
                f"the dataset's protocol names metric {name!r}, which is not known."
                f"{nearest(name, SPOKEN)} Known: {', '.join(SPOKEN)}."
            )
    return named


def choose_metric(metric: str | None, headline: str, metrics: Sequence[str], positive: str | None) -> str:
    """The metric that decides: the one that was asked for, else the protocol's headline.

    Raises:
        UserError: the protocol does not offer it.
    """
    names = offered(headline, metrics, positive)
    if metric is None:
        return headline
    if metric in names:
        return metric
    hint = nearest(metric, names)
    if metric == POSITIVE:
        hint = " It needs a positive class: --set positive=CLASS."
    raise UserError(
        f"metric {metric!r} is none that this dataset is judged by.{hint} Its metrics: {', '.join(names)}."
    )


def number_of_positive(positive: str | None, classes: Sequence[str]) -> int | None:
    """The number of the positive class, or None where none was named.

    Raises:
        UserError: there are not two classes, or it is none of them.
    """
    if positive is None:
        return None
    listed = ", ".join(classes)
    if len(classes) != 2:
        raise UserError(
            f"positive = {positive!r}: a positive class needs two classes, and there are {len(classes)}: "
            f"{listed}. Leave it out."
        )
    if positive not in classes:
        raise UserError(
            f"positive = {positive!r} is no class.{nearest(positive, classes)} The two classes: {listed}."
        )
    return list(classes).index(positive)
