"""Both libraries give the same products and gradients; shape and processor choose between them."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from fusionbench.nn.kernels import products


@pytest.fixture
def onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN for every product of float32, whatever the processor and the size."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(products, "WORTH_IT", 0)
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: True)


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("rows", [1, 7, 130])
def test_products_by_onednn_are_those_of_torch(rows: int) -> None:
    x, y = torch.randn(rows, 33), torch.randn(33, 50)
    expected = (x.double() @ y.double()).float()
    torch.testing.assert_close(products.multiply(x, y), expected)
    torch.testing.assert_close(products.multiply(x.T.contiguous().T, y.T.contiguous().T), expected)
    place = torch.full((rows, 50), 3.0)
    assert products.multiply(x, y, out=place) is place
    torch.testing.assert_close(place, expected)
    products.add_product(place, x, y)
    torch.testing.assert_close(place, 2 * expected)


@pytest.mark.usefixtures("onednn")
def test_projections_by_onednn_have_the_gradients_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, dy = torch.randn(2, 9, 33), torch.randn(50, 33), torch.randn(2, 9, 50)
    used = []
    multiply = products.multiply
    monkeypatch.setattr(products, "multiply", lambda a, b: used.append(a.shape) or multiply(a, b))

    def step(function) -> list[torch.Tensor]:
        a, b = x.clone().requires_grad_(), weight.clone().requires_grad_()
        y = function(a, b)
        y.backward(dy)
        return [y.detach(), a.grad, b.grad]

    for got, expected in zip(step(products.project), step(F.linear), strict=True):
        torch.testing.assert_close(got, expected)
        assert got.stride() == expected.stride()
    assert used == [(18, 33), (18, 50), (50, 18)]


@pytest.mark.usefixtures("onednn")
def test_torch_multiplies_what_onednn_is_not_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "multiply", None)
    weight = torch.randn(3, 4)
    assert products.project(torch.ones(2, 4).double(), weight.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert products.project(torch.ones(2, 4), weight).dtype == torch.bfloat16
    several = torch.func.vmap(lambda w: products.project(torch.ones(2, 4), w))(torch.stack([weight, weight]))
    assert several.shape == (2, 2, 3)


def test_small_products_stay_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: True)
    small, large = torch.ones(64, 64), torch.ones(512, 512)
    assert not products._by_onednn(small, small)
    assert products._by_onednn(large, large)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert not products._by_onednn(large, large)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", True)
    monkeypatch.setattr(products, "_mkl_is_slow", lambda: False)
    assert not products._by_onednn(large, large)
