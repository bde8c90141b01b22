"""Losses by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from fusionbench.learn.losses import balanced, criterion, focal


def test_focal_by_hand():
    logits = torch.tensor([[math.log(0.9), math.log(0.1)], [math.log(0.4), math.log(0.6)]])
    expected = -(0.1**2 * math.log(0.9) + 0.6**2 * math.log(0.4)) / 2
    assert focal(logits, torch.tensor([0, 0]), gamma=2.0).item() == pytest.approx(expected, rel=1e-5)


def test_focal_without_gamma_is_cross_entropy():
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 4), torch.randint(4, (6,))
    assert torch.allclose(focal(logits, labels, 0.0), criterion("cross_entropy")(logits, labels))
    assert torch.allclose(criterion("focal", focal_gamma=2.0)(logits, labels), focal(logits, labels, 2.0))


def test_balanced_weights_are_those_of_scikit_learn_and_weigh_1_on_average():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = balanced(labels, 3)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)  # 10/18, 10/9, 10/3
    assert weights.tolist() == pytest.approx(expected.tolist())
    assert weights[labels].mean().item() == pytest.approx(1)


def test_a_class_without_a_clip_weighs_nothing():
    assert balanced(np.array([0, 0, 0, 2]), 4).tolist() == pytest.approx([2 / 3, 0, 2, 0])


def test_weighted_cross_entropy_by_hand():
    logits = torch.tensor([[math.log(0.9), math.log(0.1)], [math.log(0.4), math.log(0.6)]])
    loss = criterion("cross_entropy", class_weights=torch.tensor([0.5, 3.0]))
    expected = (0.5 * -math.log(0.9) + 3 * -math.log(0.6)) / 2
    assert loss(logits, torch.tensor([0, 1])).item() == pytest.approx(expected, rel=1e-6)
    alone = loss(logits[1:], torch.tensor([1])).item()
    assert alone == pytest.approx(3 * -math.log(0.6), rel=1e-6), "a batch of one class keeps its weight"


def test_weights_meet_label_smoothing_as_in_torch():
    """Every class's share of the smoothed target is weighed by that class."""
    p, weights, eps = (0.7, 0.3), (0.5, 3.0), 0.2
    logits = torch.tensor([[math.log(p[0]), math.log(p[1])]])
    loss = criterion("cross_entropy", label_smoothing=eps, class_weights=torch.tensor(weights))
    target = (1 - eps + eps / 2, eps / 2)
    expected = -sum(w * t * math.log(q) for w, t, q in zip(weights, target, p, strict=True))
    assert loss(logits, torch.tensor([0])).item() == pytest.approx(expected, rel=1e-6)


def test_weighted_focal_by_hand():
    logits = torch.tensor([[math.log(0.9), math.log(0.1)], [math.log(0.4), math.log(0.6)]])
    loss = criterion("focal", focal_gamma=2.0, class_weights=torch.tensor([0.5, 3.0]))
    expected = -(0.5 * 0.1**2 * math.log(0.9) + 3 * 0.4**2 * math.log(0.6)) / 2
    assert loss(logits, torch.tensor([0, 1])).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_weights_of_1_change_nothing(name):
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 4), torch.randint(4, (6,))
    plain, ones = criterion(name), criterion(name, class_weights=torch.ones(4))
    assert torch.allclose(plain(logits, labels), ones(logits, labels))
