"""What ``--dry-run`` says a comparison could show."""

from __future__ import annotations

import pytest

from fusionbench.statistics.planning import Assumptions, Design, forecast
from fusionbench.study.forecast import LARGEST, Expectation


def said(design: Design, judged: str = "clips") -> list[str]:
    found = forecast(design, Assumptions().components(design), 0.01, LARGEST)
    return Expectation(design, found, "", 0.01, judged).lines()


@pytest.mark.parametrize("judged", ["clips", "frames"])
def test_what_is_judged_is_called_by_its_name(judged):
    (line, *_) = said(Design(seeds=3, clips=1555, groups=10, pairs=21), judged)
    assert line.startswith(f"3 seed(s), 1555 {judged}, 10 subjects: of one pair a difference of ")


def test_no_difference_above_100_points_is_promised():
    lines = said(Design(seeds=2, clips=40, groups=2, pairs=91))
    assert "under Holm: more than 100 points" in lines[1]
    assert lines[2].startswith("warning: no pair could pass Holm")
