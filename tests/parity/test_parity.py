"""Every stored fixture passes, and the judge can tell when one does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.parity.__main__ import main
from tests.parity.fixture import Fixture, load_folder, uniform, weight
from tests.parity.table import judge

FOLDER = Path(__file__).parents[1] / "fixtures"
FIXTURES = {fixture.name: fixture for fixture in load_folder(FOLDER)}
TRUNKS = ("iresnet50_112", "inception_resnet_v1", "tf_efficientnet_b0_ns", "efficientnet_b0", "est_head")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in TRUNKS else n for n in FIXTURES]
)
def test_we_agree_with_the_reference(name: str) -> None:
    row = judge(FIXTURES[name])
    assert row.verdict == "PASS", row.detail


def test_a_wrong_size_is_a_failure_that_says_why() -> None:
    right = FIXTURES["arp_fusion_composed"]
    narrower = dataclasses.replace(right, entry=right.entry | {"config": right.config | {"TRS": 1}})
    row = judge(narrower)
    assert row.verdict == "FAIL"
    assert "fused" in row.detail


def test_a_fixture_nobody_knows_is_reported_as_such() -> None:
    row = judge(Fixture("something_new", FOLDER / "FORMULA.json", {}, ""))
    assert (row.verdict, row.difference) == ("UNSUPPORTED", None)


def test_the_table_has_a_row_a_fixture_and_its_exit_code_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "FORMULA.json").write_text((FOLDER / "FORMULA.json").read_text())
    (tmp_path / "MANIFEST.json").write_text('{"salt": "", "files": {"FORMULA.json": {}}}')
    assert main(tmp_path) == 0
    assert capsys.readouterr().out.split() == ["FORMULA", "0.00e+00", "PASS"]


def test_the_formula_gives_the_published_numbers() -> None:
    """The first three numbers of ``conv1.weight`` and what a salt does to them."""
    assert uniform("", "conv1.weight", 3).tolist() == pytest.approx([0.068117, 0.041952, 0.456800], abs=1e-6)
    assert uniform("x", "conv1.weight", 3).tolist() == uniform("", "xconv1.weight", 3).tolist()


@pytest.mark.parametrize(
    ("key", "shape", "low", "high"),
    [
        ("bn1.running_var", (500,), 0.5, 1.5),
        ("bn1.running_mean", (500,), -0.1, 0.1),
        ("fc.weight", (10, 50), -((3 / 50) ** 0.5), (3 / 50) ** 0.5),
        ("layer1.prelu.weight", (500,), 0.1, 0.4),
        ("norm.a_2", (500,), 0.75, 1.25),
        ("fc.bias", (500,), -0.1, 0.1),
    ],
)
def test_each_kind_of_weight_fills_its_own_range(
    key: str, shape: tuple[int, ...], low: float, high: float
) -> None:
    filled = weight("", key, shape, gain=1.0)
    span = high - low
    assert low <= filled.min() < low + 0.05 * span
    assert high - 0.05 * span < filled.max() <= high


def test_counters_of_batches_start_at_zero() -> None:
    assert weight("", "bn1.num_batches_tracked", (), gain=1.0).equal(torch.tensor(0))
