"""The first operation that is not finite: found forwards and backwards, with its line."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from fusionbench.contract.non_finite import first_non_finite

WEIGHT = nn.Parameter(torch.zeros(3))
SCORES = nn.Parameter(torch.ones(1, 3, 3))
SHUT = torch.tensor([[False, True, True], [True, True, True], [False, False, False]])


def fully_masked():
    weights = SCORES.masked_fill(SHUT, -torch.inf).softmax(-1)  # here
    return weights[:, 0].sum()  # the row of NaN is left out: the loss is finite


def partly_masked():
    return SCORES.masked_fill(SHUT[[0, 2, 2]], -torch.inf).softmax(-1).square().sum()


def divided():
    return torch.where(torch.tensor([True, False, True]), WEIGHT / WEIGHT.sum(), 0.0).sum()  # here


def rooted():
    norm = WEIGHT.square().sum().sqrt()  # here
    return norm * 2


def logarithm():
    return (WEIGHT + 1).log().sum()


@pytest.mark.parametrize(
    ("loss", "operation", "backward", "masked"),
    [(fully_masked, "softmax", False, True), (divided, "div", False, False), (rooted, "div", True, False)],
)
def test_the_first_is_found_with_its_line(loss, operation, backward, masked):
    origin = first_non_finite(loss)
    lines, first = inspect.getsourcelines(loss)
    here = first + next(k for k, line in enumerate(lines) if line.rstrip().endswith("# here"))
    assert (origin.operation, origin.backward, origin.masked_row) == (operation, backward, masked)
    assert origin.where == f"test_non_finite.py, line {here}"


@pytest.mark.parametrize("loss", [partly_masked, logarithm])
def test_what_is_finite_has_none_and_masks_are_no_fault(loss):
    assert first_non_finite(loss) is None


def test_a_masked_row_is_told_apart_from_a_division_by_nothing():
    masked, divided_by = first_non_finite(fully_masked), first_non_finite(divided)
    assert "is masked as a whole" in str(masked) and "fb.masked_softmax" in masked.fix
    assert str(divided_by).startswith("NaN first arises in div") and "small number" in divided_by.fix


def test_attention_of_torch_is_seen_through():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x, real = torch.randn(1, 6, 8), torch.arange(6)[None] < 2
    apart = torch.arange(6)[:, None] - torch.arange(6)
    window = (apart < 0) | (apart > 2)

    def loss():
        read, _ = attention(x, x, x, key_padding_mask=~real, attn_mask=window)
        return read[:, :2].sum()

    assert torch.isfinite(loss()) and first_non_finite(loss).masked_row
