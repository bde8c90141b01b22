"""The options of a dataset whose folds are made, not published."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from fusionbench.contract.options import Config

LOSO = "loso"
"""one subject is left out at a time"""


class MadeFolds(Config):
    """Subclass it as the dataset's ``Config``, and hand both options to ``make_folds``."""

    folds: int | str | None = Field(
        None,
        description="loso = one subject is left out at a time; a number = so many parts of subjects; "
        "null = the dataset's own parts",
    )
    repeat: int = Field(1, ge=1, le=1000, description="how often folds are made anew")

    @field_validator("folds", mode="before")
    @classmethod
    def _loso_or_number(cls, value: Any) -> Any:
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        whole = isinstance(number, int) and not isinstance(number, bool)
        if number is None or number == LOSO or (whole and number >= 2):
            return number
        raise PydanticCustomError("folds", "give loso, or a number of folds, at least 2")
