"""The classifier that the heads share, and streams brought to one width before it."""

from __future__ import annotations

import math

import pytest
import torch

import fusionbench as fb


@pytest.mark.parametrize(
    ("hidden", "parameters"), [(512, 528_391), (256, 264_199), (None, 7_175)], ids=["mlp", "narrow", "linear"]
)
def test_parameters(hidden: int | None, parameters: int) -> None:
    classifier = fb.Classifier(1024, hidden, 7)
    assert sum(weight.numel() for weight in classifier.parameters()) == parameters


def test_kaiming_for_a_slope_of_one_hundredth() -> None:
    """Standard deviation sqrt(2 / (1 + 0.01^2) / fan_in), biases zero."""
    torch.manual_seed(0)
    hidden = fb.Classifier(1024, 512, 7).hidden
    assert hidden.weight.std().item() == pytest.approx(math.sqrt(2 / 1.0001 / 1024), rel=0.01)
    assert not hidden.bias.any()


def test_any_leading_shape() -> None:
    assert fb.Classifier(6, 4, 3)(torch.zeros(2, 5, 6)).shape == (2, 5, 3)


def test_streams_of_equal_width_pass_unchanged() -> None:
    a, r = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    aligned = fb.CommonWidth({"a": 4, "r": 4})
    assert aligned(fb.Streams({"r": r, "a": a})).equal(torch.stack([a, r]))
    assert not list(aligned.parameters())


def test_unequal_streams_meet_at_the_widest_or_where_they_are_told() -> None:
    streams = fb.Streams({"face": torch.randn(2, 3, 8), "pulse": torch.randn(2, 3, 1)})
    assert fb.CommonWidth({"face": 8, "pulse": 1})(streams).shape == (2, 2, 3, 8)
    assert fb.CommonWidth({"face": 8, "pulse": 1}, width=5)(streams).shape == (2, 2, 3, 5)


def test_padding_is_read_as_zeros() -> None:
    mask = torch.tensor([[True, False]])
    aligned = fb.CommonWidth({"a": 2})(fb.Streams({"a": torch.full((1, 2, 2), math.nan)}, mask))
    assert aligned[0, 0, 1].tolist() == [0.0, 0.0]
