"""The fourteen facial action units that the drawn faces can move, and what each expression is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fusionbench.contract.class_names import EXPRESSION_OF
from fusionbench.contract.errors import unknown

ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 12, 15, 17, 20, 23, 25, 26)
"""FACS numbers, in the order of arrays ``(frames, 14, 2)``, whose last axis is image left, image right"""

COLUMN = {number: column for column, number in enumerate(ACTION_UNITS)}
UPPER_FACE = (1, 2, 4, 5, 6, 7)
"""brows and lids; the others move nose, mouth and jaw"""

PROTOTYPES: Mapping[str, tuple[int, ...]] = {
    "anger": (4, 5, 7, 23),
    "disgust": (9, 15),
    "fear": (1, 2, 4, 5, 20, 26),
    "happiness": (6, 12),
    "neutral": (),
    "sadness": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
}
"""expression -> action units, after the FACS investigator's guide (EMFACS prototypes)"""

DISTINCTIVE: Mapping[str, tuple[int, ...]] = {
    "anger": (5, 23),
    "disgust": (9,),
    "fear": (4, 20),
    "happiness": (6,),
    "neutral": (),
    "sadness": (1, 15),
    "surprise": (26,),
}
"""the units that set an expression apart from its neighbours; some clips show them only faintly"""

LEAD: Mapping[str, int] = {
    "anger": 2,
    "disgust": -2,
    "fear": 2,
    "happiness": -2,
    "neutral": 0,
    "sadness": 2,
    "surprise": -2,
}
"""frames by which the upper face moves before the lower. Invented: it gives the order of frames a meaning."""


def expression_of(label: str) -> str:
    """The basic expression a dataset's class name means: ``Happy`` -> ``happiness``.

    Raises:
        UserError: the generator knows no such expression.
    """
    name = re.sub(r"[^a-z]", "", label.lower())
    if name not in EXPRESSION_OF:
        raise unknown("basic expression", label, PROTOTYPES, "Generated faces can show no other class.")
    return EXPRESSION_OF[name]
