"""Published figures: whole numbers of clips, beside rows that are the same method, never for a stand-in."""

from __future__ import annotations

import pytest

from fusionbench.report.evidence import Evidence
from fusionbench.report.page import compose
from fusionbench.report.published import AFEW, CLIPS, of_paper
from tests.report import made_up

ROWS = ("arpg", "mult", "temma", "concat")


def made(**given):
    return made_up.comparison(ROWS, 2, **{"clips": CLIPS, "people": None, "stand_in": False, **given})


def titles(report) -> list[str]:
    return [section.title for section in report.sections]


@pytest.mark.parametrize("figure", AFEW, ids=lambda f: f"{f.table}, {f.method}")
def test_every_figure_is_a_number_of_clips_of_the_validation_part(figure):
    assert abs(100 * figure.clips / CLIPS - figure.percent) < 0.01  # 56.91 was cut, the others are rounded


def test_rows_on_the_real_data_stand_beside_what_was_published():
    found = of_paper(Evidence.of(made()))
    assert {label: figure.percent for label, figure in found.items()} == {
        "arpg": 57.70,
        "mult": 55.87,
        "temma": 54.83,
        "concat": 51.96,
    }
    assert found["arpg"].clips == 221 and found["mult"].clips == 214
    report = compose(made(), {})
    assert "published, %" in [c.name for c in report.sections[1].blocks[0].columns]
    assert "Published figures" in titles(report)


@pytest.mark.parametrize("other", [{"clips": 381}, {"dataset": "streams"}])
def test_other_clips_are_not_compared(other):
    assert of_paper(Evidence.of(made(**other))) == {}


def test_a_stand_in_is_never_beside_published_figures():
    report = compose(made(stand_in=True), {})
    assert "published, %" not in [c.name for c in report.sections[1].blocks[0].columns]
    (section,) = [section for section in report.sections if section.title == "Published figures"]
    (said,) = section.blocks
    assert said.text.startswith("Not comparable:")
    assert not [figure for figure in AFEW if f"{figure.percent:.2f}" in repr(report.sections)]


def test_a_row_with_other_options_is_another_method():
    comparison = made()
    for _, run in comparison.runs:
        run.config["relation"]["patches"] = 4
    found = of_paper(Evidence.of(comparison))
    assert found["arpg"].percent == 56.91 and set(found) == {"arpg"}  # Table 5, P = 4
