"""Results that are not on equal terms are refused by name, wherever they come from."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.contract.errors import UserError
from fusionbench.learn.metrics import Predictions
from fusionbench.study.equal_terms import refuse_unequal_results

PARTS = {"train": {"clips": 60, "subjects": None, "name": "train"}}


def fold(**given) -> FoldOutcome:
    said = Predictions(("a", "b"), np.array([0, 1]), np.log(np.full((2, 2), 0.5, dtype=np.float32)))
    settings = {"fold": "official", "epochs": 40, "parts": PARTS, "selected_epoch": 1}
    return FoldOutcome(
        **{**settings, **given},
        run_id="r",
        identity="i",
        metrics={},
        cost={},
        chance=0.5,
        report=said,
        report_last=said,
    )


def run(label: str, *folds: FoldOutcome, stand_in: bool = False):
    config = SimpleNamespace(options=SimpleNamespace(training=SimpleNamespace(epochs=40)))
    outcome = Outcome(label, "r", "x", {}, "i", stand_in, list(folds or [fold()]))
    return SimpleNamespace(label=label, seed=0, config=config), outcome


def test_equal_rows_pass_and_a_solved_head_may_have_one_epoch():
    refuse_unequal_results([run("arpg"), run("mult"), run("hse_nn", fold(epochs=1))])


@pytest.mark.parametrize(
    ("cheat", "message"),
    [
        (run("mult", fold(epochs=80)), "mult, seed 0 trained 80 epochs; 40 were asked for"),
        (run("mult", stand_in=True), "of mult, seed 0 and arpg, seed 0 one was run on generated data"),
        (run("mult", fold(fold="s1")), "mult, seed 0 was judged on other folds than arpg, seed 0"),
        (
            run("mult", fold(parts={"train": {**PARTS["train"], "clips": 80}})),
            "mult, seed 0 has other parts than arpg, seed 0 in fold official",
        ),
    ],
)
def test_a_row_on_other_terms_is_refused_by_name(cheat, message):
    with pytest.raises(UserError, match=message):
        refuse_unequal_results([run("arpg"), cheat])


def epochs(*selected: tuple[float, float]) -> list[dict[str, float]]:
    """A history of selection accuracy and loss."""
    return [{"selection/accuracy": accuracy, "selection/loss": loss} for accuracy, loss in selected]


def test_an_epoch_that_the_selection_split_did_not_choose_is_refused():
    history = epochs((0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.6, 0.7))
    refuse_unequal_results([run("arpg", fold(history=history, selected_epoch=3)), run("mult")])
    with pytest.raises(UserError, match=r"mult, seed 0 is judged at epoch 4 .* chose epoch 3"):
        refuse_unequal_results([run("arpg"), run("mult", fold(history=history, selected_epoch=4))])


def test_what_an_old_run_did_not_keep_is_no_reason_to_refuse_it():
    old = dataclasses.replace(fold(), parts={})
    refuse_unequal_results([run("arpg"), run("mult", old)])
