"""The schema every component's options are declared in."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Config(BaseModel):
    """Options of one component: closed to unknown keys, frozen, defaults validated, numbers finite.

    Nest a subclass named ``Config`` in the component; each field carries its
    bounds and its description, and the defaults are the method's own.
    """

    # A stream or a fold may be called 1: --set reads a number there, and its digits are meant.
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic takes ``true`` for 1; a user who writes it means something else."""
        if isinstance(value, bool) and info.field_name:
            annotation = cls.model_fields[info.field_name].annotation
            allowed = set(get_args(annotation) or [annotation])
            if allowed & {int, float} and bool not in allowed:
                raise PydanticCustomError("number", "input should be a number, not true or false")
        return value


def tunable(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
    choices: list[Any] | None = None,
    description: str,
    **field: Any,
) -> Any:
    """A ``Config`` field that a tuner may vary, with the range it may search.

    Args:
        default: value used where nothing else is said.
        low: smallest value to try (numbers).
        high: largest value to try (numbers).
        log: search on a logarithmic scale.
        choices: the values to try (instead of ``low`` and ``high``).
        description: one line for ``fusionbench show``.
        **field: anything ``pydantic.Field`` takes, such as ``ge`` for what is *valid*.
    """
    search: dict[str, Any] = {"choices": choices} if choices else {"low": low, "high": high, "log": log}
    return Field(default, description=description, json_schema_extra={"tunable": search}, **field)
