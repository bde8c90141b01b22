"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from fusionbench.report.decimals import count, large, margin_of, measured, points, probability, warranted


@pytest.mark.parametrize(
    ("half_width", "decimals"),
    [
        (0.119, 2),  # the two examples of the Particle Data Group: .827 ± .119 is .83 ± .12,
        (0.367, 1),  # and .827 ± .367 is .8 ± .4
        (5.3, 0),
        (3.3, 1),
        (1.2, 1),
        (0.96, 1),  # becomes 1.0
        (0.04, 2),  # no more than two
        (12.0, 0),
    ],
)
def test_the_narrowest_interval_decides(half_width, decimals):
    assert warranted([40.0, half_width]) == decimals


def test_intervals_that_say_nothing_are_left_out():
    assert warranted([0.0, math.nan, math.inf]) == 1
    assert warranted([0.0, 5.3]) == 0


@pytest.mark.parametrize(
    ("fraction", "decimals", "sign", "said"),
    [
        (0.577, 1, False, "57.7"),
        (-0.0123, 1, True, "−1.2"),
        (0.0123, 1, True, "+1.2"),
        (-0.0001, 1, True, "0.0"),
        (0.5, 0, True, "+50"),
        (math.nan, 1, False, "not finite"),
    ],
)
def test_points(fraction, decimals, sign, said):
    assert points(fraction, decimals, sign=sign) == said


def test_other_quantities():
    assert [probability(p).text for p in (0.0004, 0.0412, 1.0)] == ["< .001", ".041", "1"]
    assert count(1_581_575.0).text == "1,581,575" and count(1_581_575.0).value == 1581575
    assert [measured(v).text for v in (0.08, 8.25, 12.34, 1234.0)] == ["0.0800", "8.25", "12.3", "1,230"]
    assert [large(v).text for v in (12, 1e6, 1_584_321, 2.5e9)] == ["12", "1 M", "1.58 M", "2.5 G"]
    assert [margin_of(m) for m in (0.01, 0.005)] == ["1 point", "0.5 points"]
