"""Equal budgets: what every row is tuned over, and what a search within its budget says."""

from __future__ import annotations

import dataclasses
import itertools
import statistics

import pytest

from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.study.budgets import budgets, refuse_unequal_budgets, row_space
from fusionbench.study.experiment import Experiment, members
from fusionbench.study.ledger import Trial
from fusionbench.study.plan import Plan
from fusionbench.study.searched import Searched, within
from fusionbench.study.tuned import FoldSearch
from fusionbench.study.tuned_rows import RowWatch
from fusionbench.study.tuning import read_budget
from tests import fakes

BASE = {"dataset": "squares", "training.epochs": 2}
LR = {"low": 1e-5, "high": 1e-2, "log": True}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def planned(catalog, vary=None, base=(), rows=(), **tune):
    """The budgets of an experiment whose data nobody opened."""
    vary = {"fusion": ["concat", "hse_nn"]} if vary is None else vary
    asked = Experiment(
        "x", "?", {**BASE, **dict(base)}, {}, vary, rows=rows, tuning=read_budget(tune, "here")
    )
    made = members(asked, catalog)
    return budgets(asked, Plan(made, [None] * len(made), {}, {}, [], []), catalog)


def space(catalog, fusion, space=None, **base):
    config = resolve(Request({**BASE, "fusion": fusion, **base}), catalog)
    return row_space(config, read_budget({"space": space}, "here"))


def test_the_learning_rate_is_in_every_space_unless_the_head_is_solved_for(catalog):
    assert space(catalog, "gru", ["fusion"])[0] == {
        "fusion.hidden": [64, 128, 256, 512],
        "fusion.dropout": {"low": 0.0, "high": 0.6, "log": False},
        "training.lr": LR,
    }
    assert space(catalog, "late", ["fusion"])[0] == {"training.lr": LR}
    assert set(space(catalog, "hse_nn", ["fusion", "training"])[0]) == {"fusion.c"}
    assert set(space(catalog, "concat")[0]) == {"fusion.dropout", "training.lr", "training.weight_decay"}
    assert space(catalog, "concat", {"fusion.dropout": [0.0, 0.5]})[0] == {
        "fusion.dropout": [0.0, 0.5],
        "training.lr": LR,
    }
    own = {"training.lr": [1e-4, 1e-3]}
    assert space(catalog, "concat", own)[0] == own and space(catalog, "hse_nn", own)[0] == {}


def test_what_a_row_does_not_have_or_has_set_is_told(catalog):
    content, notes = space(catalog, "concat", {"fusion.trs": [1, 3]})
    assert set(content) == {"training.lr"} and notes == ["fusion.trs is none of its options"]
    content, notes = space(catalog, "arpg-no-scope", ["fusion"])
    assert "fusion.trs" not in content and notes[0].startswith("fusion.trs is None (")


def test_every_row_has_the_same_number_of_configurations_and_seeds(catalog):
    found = planned(catalog, {"fusion": ["concat", "hse_nn"], "seed": [0, 1, 2]}, trials=7, seeds=2)
    assert [(one.label, one.configurations, one.runs) for one in found] == [
        ("concat", 7, 14),
        ("hse_nn", 7, 14),
    ]
    assert [one.epochs for one in found] == [(14 + 3) * 2, 14 + 3], "a head that is solved for has one"
    assert [one.told for one in found] == [[], []]
    assert {one.design.sampler for one in found} == {"random"}


def test_a_space_that_is_smaller_than_the_budget_is_told(catalog):
    concat, solved = planned(catalog, trials=12, space={"training.lr": [1e-4, 1e-3]})
    assert concat.configurations == 2 and solved.configurations == 1
    assert concat.told == ["its space has 2 configurations; the budget is 12"]
    assert solved.told[-1] == "its space has 1 configuration; the budget is 12"
    (beside, _) = planned(catalog, trials=12, space={"training.lr": [1e-5, 1e-4]})
    assert beside.configurations == 3, "the default, 1e-3, is none of the two and is tried too"


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        ({"trials": {"arpg": 40}}, r"not on equal terms: tune.trials is \{'arpg': 40\}. Every row"),
        ({"seeds": [1, 2]}, "not on equal terms: tune.seeds is"),
        ({"prune": True}, "not on equal terms: tune.prune .* fewer epochs"),
        ({"confirm": 3}, "not on equal terms: tune.confirm"),
        ({"sampler": "grid"}, "the first points of a grid are no fair sample"),
        ({"sampler": "rando"}, "Did you mean 'random'"),
        ({"trails": 20}, "tune has no 'trails' in a comparison. Did you mean 'trials'"),
        ({"trials": 0}, "tune.trials is 0"),
        ({"space": ["fussion"]}, "no group 'fussion'.*Did you mean 'fusion'"),
        ({"space": {"fusion.dropuot": [0.1]}}, "no option 'fusion.dropuot'. Did you mean 'fusion.dropout'"),
        ({"space": {"fusion.dropout": [7]}}, "option dropout = 7"),
    ],
)
def test_budgets_that_are_unequal_or_none_are_refused(catalog, tune, message):
    with pytest.raises(UserError, match=message):
        planned(catalog, **tune)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"vary": {"training.epochs": [1, 9]}, "base": {"fusion": "concat"}}, "training.epochs varies"),
        ({"vary": {"tune.trials": [1, 9]}, "base": {"fusion": "concat"}}, "tune.trials varies"),
        ({"vary": {}, "rows": [{"fusion": "concat", "tune.seeds": 2}]}, "tune.seeds varies"),
        ({"vary": {"training.lr": [0.1, 0.2]}, "base": {"fusion": "concat"}}, "training.lr is 0.1"),
        ({"base": {"training.lr": 0.01}}, "training.lr is 0.01"),
    ],
)
def test_rows_that_would_be_tuned_on_other_terms_are_refused_by_name(catalog, asked, message):
    with pytest.raises(UserError, match=f"not on equal terms: {message}"):
        planned(catalog, **asked)


def trial(number, score, **more):
    known = {"point": {"training.lr": number / 100} if number else {}, "state": "finished"}
    scores = () if score is None else (score,)
    return Trial(**{"number": number, "score": score, "scores": scores, "seconds": 1.5, **known, **more})


def searched(*folds, budget=4, sampler="random", **more):
    made = [within(fold, budget) for fold in folds]
    return Searched("gru", "s", "r", sampler, {}, {"training.lr": 0.001}, budget, 1, tuple(made), **more)


SCORES = [0.5, 0.4, 0.75, 0.625]


def test_best_after_k_is_the_mean_over_all_sets_of_the_default_and_k_random_ones():
    one = searched(FoldSearch("official", [trial(k, score) for k, score in enumerate(SCORES)]))
    default, *drawn = SCORES
    expected = [
        statistics.fmean(max(default, *some) for some in itertools.combinations(drawn, k)) if k else default
        for k in range(4)
    ]
    assert one.best_after == pytest.approx(expected)
    assert one.best_after == pytest.approx((0.5, 0.625, 0.7083333333, 0.75))
    assert (one.default_score, one.score, one.seconds, one.tried) == (0.5, 0.75, 6.0, 4)
    assert one.best == {"training.lr": 0.02} and one.told == []
    assert dataclasses.replace(one, sampler="tpe").best_after == ()


def test_what_failed_was_tried_and_brought_nothing():
    trials = [trial(0, 0.5), trial(1, None, state="failed", reason="it raises"), trial(2, 0.75)]
    one = searched(FoldSearch("official", trials), budget=3)
    assert one.tried == 3 and one.best_after == pytest.approx((0.5, 0.625, 0.75))
    assert one.told == ["1 failed, the first: it raises"]
    lost = searched(FoldSearch("official", [trial(0, None, state="failed"), trial(1, 0.75)]), budget=2)
    assert lost.default_score is None and lost.best_after == () and lost.score == 0.75


def test_a_study_that_has_more_trials_counts_up_to_the_budget():
    trials = [trial(0, 0.5), trial(1, None, state="unfit"), trial(2, 0.6), trial(3, 0.7), trial(4, 0.9)]
    one = within(FoldSearch("official", trials), 3)
    assert [t.number for t in one.trials] == [0, 2, 3] and not one.exhausted
    assert one.chosen.trial.number == 3


def test_folds_are_averaged_and_each_has_its_own_choice():
    one = searched(
        FoldSearch("a", [trial(0, 0.5), trial(1, 0.7)]),
        FoldSearch("b", [trial(0, 0.9), trial(1, 0.1)]),
        budget=2,
    )
    assert one.best == {"a": {"training.lr": 0.01}, "b": {"training.lr": 0.001}}
    assert one.score == pytest.approx(0.8) and one.default_score == pytest.approx(0.7)
    assert one.best_after == pytest.approx((0.7, 0.8)) and one.seconds == 6.0
    assert Searched.from_plain(one.plain()) == one
    with pytest.raises(UserError, match="is damaged"):
        Searched.from_plain({**one.plain(), "folds": [{}]})


def test_searches_that_came_out_unequal_are_refused_by_name():
    whole = searched(FoldSearch("official", [trial(k, 0.5) for k in range(4)]))
    short = FoldSearch("official", [trial(0, 0.5), trial(1, 0.5)])
    refuse_unequal_budgets([whole, searched(dataclasses.replace(short, exhausted=True))])
    with pytest.raises(UserError, match="not on equal terms: gru tried 2 of 4 configurations"):
        refuse_unequal_budgets([whole, searched(short)])
    pruned = FoldSearch("official", [trial(k, 0.5, state="pruned" if k else "finished") for k in range(4)])
    with pytest.raises(UserError, match="gru trained trial 1 otherwise than asked: 1 of 1 seeds, pruned"):
        refuse_unequal_budgets([searched(pruned)])
    twice = FoldSearch("official", [trial(k, 0.5, scores=(0.5, 0.5)) for k in range(4)])
    with pytest.raises(UserError, match="trial 0 otherwise than asked: 2 of 1 seeds"):
        refuse_unequal_budgets([searched(twice)])


def test_progress_of_a_search_is_told_under_its_row():
    class Told(Watch):
        def __init__(self):
            self.seen = []

        def progress(self, task, done, total):
            self.seen.append((task, done, total))

    told = Told()
    RowWatch("gru", told).progress("tuning (epochs)", 1, 2)
    assert told.seen == [("gru: tuning (epochs)", 1, 2)]
