"""A comparison with a budget: two families of rows, judged apart, from searches of equal size."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from rich.console import Console

from fusionbench.report.evidence import Evidence
from fusionbench.report.page import compose
from fusionbench.report.ranking_table import ranking_table
from fusionbench.report.sections.rebuild import experiment_file
from fusionbench.study.compare import compare
from fusionbench.study.comparison import CONDITIONAL
from fusionbench.study.experiment import Experiment
from fusionbench.study.finished import read_comparison
from fusionbench.study.terms import Terms
from fusionbench.study.tuning import read_budget
from fusionbench.track.records import find_runs, get_run
from tests import fakes

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]

BASE = {"dataset": "squares", "fold": "s0", "training.epochs": 2, "training.batch_size": 4}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def asked(*fusions, base=None, seeds=(0, 1), **tune) -> Experiment:
    vary = {"fusion": list(fusions), "seed": list(seeds)}
    budget = read_budget({"trials": 3, "space": ["fusion"], **tune}, "here")
    return Experiment("heads", "Which is best?", base or BASE, {}, vary, tuning=budget)


def kinds(kind):
    return find_runs(tags={"fusionbench.kind": kind})


def test_default_and_tuned_rows_are_two_families(catalog):
    made = compare(asked("concat", "hse_nn"), catalog=catalog)
    second = made.tuned.rows
    for family in (made, second):
        assert sorted((m.label, m.seed) for m, _ in family.runs) == [
            ("concat", 0),
            ("concat", 1),
            ("hse_nn", 0),
            ("hse_nn", 1),
        ]
        assert [{pair.a, pair.b} for pair in family.verdicts.pairs] == [{"concat", "hse_nn"}]
    concat, solved = made.tuned.searches
    assert [one.tried for one in made.tuned.searches] == [3, 3] and concat.budget == 3
    assert set(concat.space) == {"fusion.dropout", "training.lr"} and set(solved.space) == {"fusion.c"}
    assert len(concat.best_after) == 3 and concat.best_after[-1] == concat.score

    (first,) = (o for m, o in made.runs if (m.label, m.seed) == ("concat", 0))
    assert concat.default_score == first.folds[0].metrics["selection/accuracy"], "trial 0 is the default"
    scores = [trial.score for trial in concat.folds[0].trials]
    assert concat.score == max(scores)
    chosen = next(o for m, o in second.runs if m.label == "concat").config
    best = {"fusion.dropout": chosen["fusion"]["dropout"], "training.lr": chosen["training"]["lr"]}
    assert best == concat.best

    assert len(kinds("trial")) == 6 and not any(
        name.startswith("report") for record in kinds("trial") for name in record.metrics
    )
    parent = get_run(made.run_id)
    assert parent.tags["fusionbench.studies"] == ", ".join(one.run_id for one in made.tuned.searches)
    assert {r.tags["fusionbench.comparison"] for r in kinds("study")} == {made.run_id}

    plain = json.loads(json.dumps(made.plain()))
    assert plain["tuned"]["conditional"] == CONDITIONAL and len(plain["tuned"]["pairs"]) == 1
    assert [one["configurations"] for one in plain["tuned"]["searches"]] == [3, 3]
    again = compare(asked("concat", "hse_nn"), catalog=catalog)
    assert again.run_id == made.run_id and len(kinds("trial")) == 6
    back = read_comparison(made.run_id)
    assert back.tuned.searches == again.tuned.searches
    ends = [
        [(row.label, row.score, row.flops, row.ms_per_clip) for row in one.tuned.rows.ranking]
        for one in (back, again)
    ]
    assert ends[0] == ends[1] and back.tuned.rows.verdicts.pairs == second.verdicts.pairs
    content = yaml.safe_load(experiment_file(Evidence.of(back)))
    assert content["tune"] == {"trials": 3, "seeds": 1, "sampler": "random", "space": ["fusion"]}

    console = Console(width=200)
    with console.capture() as shown:
        console.print(ranking_table(made))
    said = " ".join(shown.get().split())
    assert "default beside tuned: accuracy, %" in said and CONDITIONAL in said
    assert "concat: searched fusion.dropout: 0 to 0.6; training.lr: 1e-05 to 0.01, logarithmic" in said
    titles = [section.title for section in compose(made, {}).sections]
    assert titles.index("Ranking") < titles.index("Tuned with equal budgets")


def test_a_smaller_budget_takes_the_first_trials_of_what_is_there(catalog):
    more = compare(asked("concat", "single", trials=4, seeds=(0,)), catalog=catalog)
    fewer = compare(asked("concat", "single", trials=2, seeds=(0,)), catalog=catalog)
    assert len(kinds("trial")) == 8 and fewer.run_id != more.run_id
    for few, many in zip(fewer.tuned.searches, more.tuned.searches, strict=True):
        assert few.tried == 2 and few.folds[0].trials == many.folds[0].trials[:2]


def test_a_space_that_is_used_up_and_a_head_that_fails_are_told(catalog):
    space = {"fusion.trs": [0, 1, 3, None], "training.lr": [1e-3]}
    made = compare(asked("arpg", "raises", trials=12, space=space, seeds=(0,)), catalog=catalog)
    (arpg,) = made.tuned.searches
    assert arpg.tried == 3 and arpg.folds[0].same == 2, "null is 3 in 4 frames, and 3 is the default"
    assert "its space has 3 configurations; the budget is 12" in arpg.told
    (absent,) = made.tuned.rows.skipped
    assert absent.label == "raises" and absent.reason.startswith("not tuned: no trial of fold s0 finished")
    assert made.tuned.rows.verdicts is None


def test_each_fold_chooses_on_its_own_and_folds_are_pooled(catalog):
    base = {key: value for key, value in BASE.items() if key != "fold"}
    made = compare(asked("concat", "hse_nn", base=base, trials=2, seeds=(0,)), catalog=catalog)
    for one in made.tuned.searches:
        assert [fold.fold for fold in one.folds] == ["s0", "s1", "s2"]
    for member, outcome in made.tuned.rows.runs:
        search = made.tuned.search(member.label)
        for fold, searched in zip(outcome.folds, search.folds, strict=True):
            rate = get_run(fold.run_id).params.get("lr")
            point = {**search.default, **searched.chosen.trial.point}
            assert fold.fold == searched.fold
            assert "training.lr" not in point or float(rate) == point["training.lr"]
        assert len(outcome.folds) == 3


@pytest.mark.parametrize("family", ["all", "against"])
def test_a_row_to_judge_against_that_fails_takes_no_table_with_it(catalog, family):
    terms = Terms(against="raises", family=family)
    wanted = replace(asked("concat", "hse_nn", "raises", trials=1), terms=terms)
    made = compare(wanted, catalog=catalog)
    assert [one.label for one in made.failed] == ["raises", "raises"]
    for rows in (made, made.tuned.rows, read_comparison(made.run_id)):
        assert {row.label for row in rows.ranking} == {"concat", "hse_nn"}
        assert len(rows.verdicts.pairs) == (1 if family == "all" else 0)
        assert ("raises, which every row" in rows.verdicts.answer) == (family == "against")
    console = Console(width=200)
    with console.capture() as shown:
        console.print(ranking_table(made))
    assert "hse_nn" in shown.get() and compose(made, {}).sections
