"""A request as one would type it: read back, it is the same request."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fusionbench.catalog.command_line import run_words
from fusionbench.catalog.resolve import parse_assignment


def test_what_has_a_flag_gets_it_and_the_rest_is_set():
    values = {"fusion": "concat", "dataset.name": "afew", "data.stand_in": True, "training.epochs": 3}
    values |= {"data.root": "my clips", "dataset.folds": 5, "seed": 0}
    assert shlex.join(run_words(values, Path("a.yaml"), Path("r.yaml"))) == (
        "fusionbench run --config a.yaml --registry r.yaml --fusion concat --dataset afew --stand-in "
        "--epochs 3 --data-root 'my clips' --set dataset.folds=5 --seed 0"
    )


@pytest.mark.parametrize(
    "value", [None, True, 0, 1e-05, 0.1 + 0.2, "loso", "5", "null", "yes", "a: b", "", ["sit", "2"], {"a": 1}]
)
def test_a_value_that_is_set_is_read_back_as_it_was(value):
    *_, assignment = run_words({"dataset.x": value})
    assert parse_assignment(assignment) == ("dataset.x", value)
