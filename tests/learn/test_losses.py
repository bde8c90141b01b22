"""Losses by hand."""

from __future__ import annotations

import math

import pytest
import torch

from fusionbench.learn.losses import criterion, focal


def test_focal_by_hand():
    logits = torch.tensor([[math.log(0.9), math.log(0.1)], [math.log(0.4), math.log(0.6)]])
    expected = -(0.1**2 * math.log(0.9) + 0.6**2 * math.log(0.4)) / 2
    assert focal(logits, torch.tensor([0, 0]), gamma=2.0).item() == pytest.approx(expected, rel=1e-5)


def test_focal_without_gamma_is_cross_entropy():
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 4), torch.randint(4, (6,))
    assert torch.allclose(focal(logits, labels, 0.0), criterion("cross_entropy")(logits, labels))
    assert torch.allclose(criterion("focal", focal_gamma=2.0)(logits, labels), focal(logits, labels, 2.0))
