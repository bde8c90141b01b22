"""The formula that fills weights: our reading of it against the values FORMULA.json states."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from tests.parity.fixture import Fixture, uniform


def formula(fixture: Fixture, dtype: torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
    """``u("conv1.weight", 0..2)`` without salt, as the file states it."""
    stated = fixture.json()["check"]
    pairs = {}
    for what, values in stated.items():
        if key := re.match(r'u\("([^"]+)",', what):
            ours = torch.from_numpy(uniform("", key[1], len(values)))
            pairs[what] = (ours, torch.tensor(values, dtype=torch.float64))
    return pairs


CHECKS = {"FORMULA": formula}
