"""The rows of the positional encodings that the papers' code produces."""

from __future__ import annotations

import math

import pytest
import torch

import fusionbench as fb


def test_interleaved_sinusoid_of_the_transformer_paper() -> None:
    """Row t = 1 begins with sin 1, cos 1."""
    table = fb.sinusoid(3, 512)
    assert table.shape == (3, 512)
    assert table[0, :4].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert table[1, :2].tolist() == pytest.approx([0.841471, 0.540302], abs=1e-6)
    assert table[2, 2].item() == pytest.approx(math.sin(2 / 10000 ** (2 / 512)), abs=1e-6)


def test_temma_counts_with_base_1000() -> None:
    row = fb.sinusoid(2, 16, base=1000)[1, :4]
    assert row.tolist() == pytest.approx([0.84147, 0.54030, 0.40931, 0.91240], abs=1e-5)


def test_fairseq_table_of_mult() -> None:
    """Sines first, then cosines; row 0 is padding, so step t uses row t + 1."""
    table = fb.fairseq_sinusoid(4, 32)
    assert not table[0].any()
    expected = {0: 0.841471, 1: 0.515139, 15: 1.0e-4, 16: 0.540302, 17: 0.857107, 31: 1.0}
    assert table[1, list(expected)].tolist() == pytest.approx(list(expected.values()), abs=1e-6)


def test_positions_may_be_given_in_any_order() -> None:
    order = torch.tensor([[2, 0, 1]])
    assert fb.sinusoid(order, 8).equal(fb.sinusoid(3, 8)[order])


@pytest.mark.parametrize("table", [fb.sinusoid(5, 7), fb.fairseq_sinusoid(5, 7)])
def test_odd_widths_are_allowed(table: torch.Tensor) -> None:
    assert table.shape == (5, 7)
    assert table.isfinite().all()


def test_the_table_follows_dtype_and_keeps_its_digits_far_out() -> None:
    like = torch.zeros(1, dtype=torch.float64)
    assert fb.sinusoid(2, 4, like=like).dtype == torch.float64
    far = torch.tensor([100_000])
    assert fb.sinusoid(far, 2)[0, 0].item() == pytest.approx(math.sin(100_000), abs=1e-6)
