"""How often the tests err on simulated heads: nominal 5 %, accepted 2 to 7 %.

Fewer repetitions than ``python -m tests.statistics.simulation`` prints, with fixed draws.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.statistics.simulation import (
    DESIGNS,
    coverage,
    false_alarms,
    false_alarms_of,
    false_equivalence,
    family_errors,
)

pytestmark = pytest.mark.slow
EACH = pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)


@EACH
def test_equal_heads_are_told_apart_in_2_to_7_percent(design):
    assert 0.02 <= false_alarms(design, 1000) <= 0.07


@EACH
def test_the_interval_holds_the_true_difference(design):
    assert 0.93 <= coverage(design, 1000) <= 0.98


@pytest.mark.parametrize("metric", ["uar", "f1", "m"])
@pytest.mark.parametrize("design", [DESIGNS[1], DESIGNS[3]], ids=lambda design: design.name)
def test_functions_of_the_confusion_matrix_err_no_more(metric, design):
    assert 0.02 <= false_alarms_of(metric, design, 500) <= 0.07


@pytest.mark.parametrize("test", ["bootstrap over clips", "McNemar, seeds pooled", "McNemar of one run"])
def test_tests_that_know_the_clips_alone_err_far_more(test):
    """So the simulation can tell a sound test from an unsound one."""
    assert false_alarms(DESIGNS[1], 300, test) > 0.2


def test_t_over_seeds_errs_where_people_differ():
    assert false_alarms(DESIGNS[2], 300, "t over seeds") > 0.15


def test_heads_at_the_margin_are_called_equivalent_in_at_most_5_percent():
    ten = replace(DESIGNS[0], seeds=10)
    assert 0.02 <= false_equivalence(ten, 1000, margin=0.06) <= 0.05


@pytest.mark.parametrize("truths", [(0.0,) * 5, (0.0, 0.0, 0.0, 0.05, 0.09), (-0.08, -0.04, 0.0, 0.04, 0.08)])
def test_a_family_errs_as_a_whole(truths):
    """False verdicts, and intervals that miss, in at most 5 % of families of ten pairs."""
    false, missed = family_errors(replace(DESIGNS[0], seeds=10, truths=truths), 150)
    assert false <= 0.05
    assert missed <= 0.05
