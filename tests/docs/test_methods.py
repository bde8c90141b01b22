"""Sizes on the page of methods are those of the heads."""

from __future__ import annotations

import re

import fusionbench as fb
from fusionbench.catalog.plugins import collect
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "methods.md"
ELSEWHERE = {"score_sum"}
"""takes the streams of one backbone only"""


def test_the_table_of_parameters_is_true_and_complete() -> None:
    listed = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    catalog = collect()
    built_in = {
        name
        for name in catalog.names("fusion")
        if catalog.get("fusion", name).plugin.distribution == "fusionbench"
    }
    assert {name for name, _ in listed} == built_in - ELSEWHERE
    spec = fb.StreamSpec({"appearance": 512, "relation": 512}, 7, 16)
    for name, count in listed:
        head = catalog.get("fusion", name).cls
        built = head(spec, head.Config())
        assert f"{sum(p.numel() for p in built.parameters()):,}" == count, name
