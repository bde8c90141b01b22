"""A comparison: every combination once, on equal terms, the same table however it was interrupted."""

from __future__ import annotations

import dataclasses

import pytest
from rich.console import Console

from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.report.ranking_table import ranking_table
from fusionbench.study import row_costs
from fusionbench.study.compare import compare
from fusionbench.study.comparison import Comparison
from fusionbench.study.experiment import Experiment, members, read_experiment
from fusionbench.study.finished import find_comparisons, read_comparison
from fusionbench.study.forecast import expect
from fusionbench.study.plan import plan
from fusionbench.study.ranking import Spread
from fusionbench.study.terms import Terms
from fusionbench.track.records import find_runs, get_run
from tests import fakes

TUNING = "picking the best is tuning on the report split."
pytestmark = pytest.mark.usefixtures("database")

BASE = {"dataset": "squares", "fold": "s0", "training.epochs": 2, "training.batch_size": 4}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def heads(*names, seeds=(0,), **base) -> Experiment:
    vary = {"fusion": list(names), "seed": list(seeds)}
    return Experiment("heads", "Which is best?", {**BASE, **base}, {}, vary)


def figures(made):
    """Everything of a ranking but the time it took."""
    return [{k: v for k, v in row.plain().items() if k != "ms_per_clip"} for row in made.ranking]


@pytest.mark.slow
def test_every_combination_is_one_run_beneath_one_parent(catalog):
    made = compare(heads("concat", "single", seeds=(0, 1)), catalog=catalog)
    assert [(m.label, m.seed) for m, _ in made.runs] == [
        ("concat", 0),
        ("concat", 1),
        ("single", 0),
        ("single", 1),
    ]
    assert {get_run(o.run_id).tags["mlflow.parentRunId"] for _, o in made.runs} == {made.run_id}
    parent = get_run(made.run_id)
    assert parent.name == "compare heads" and parent.tags["fusionbench.kind"] == "comparison"
    row = next(r for r in made.ranking if r.label == "concat")
    of_seeds = [o.metrics["report/accuracy"] for m, o in made.runs if m.label == "concat"]
    assert row.metrics["accuracy"] == Spread.of(of_seeds)
    assert made.plain()["experiment"] == "heads" and len(made.plain()["runs"]) == 4


@pytest.mark.slow
def test_finished_runs_are_not_run_again_whoever_ran_them(catalog, monkeypatch):
    run(Request({**BASE, "fusion": "concat"}), None, catalog)
    first = compare(heads("concat", "single"), catalog=catalog)
    assert first.reused == 1
    monkeypatch.setattr(row_costs, "measure_rows", lambda *_: pytest.fail("heads were timed again"))
    again = compare(heads("concat", "single"), catalog=catalog)
    assert again.reused == 2 and again.run_id == first.run_id
    assert [row.plain() for row in again.ranking] == [row.plain() for row in first.ranking]
    assert len(find_runs(tags={"fusionbench.kind": "run"})) == 2


@pytest.mark.slow
def test_interrupted_and_resumed_gives_the_same_table(catalog, monkeypatch, tmp_path):
    import fusionbench.learn.fit as fit_module

    monkeypatch.setattr(fit_module, "checkpoint_is_due", lambda seconds, cost: True)
    experiment = heads("concat", "single", "concat_mlp", **{"training.epochs": 4})

    class Impatient(Watch):
        def progress(self, task, done, total):
            if task.startswith("comparing") and done == 7:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(experiment, watch=Impatient(), catalog=catalog)
    made = compare(experiment, catalog=catalog)
    assert made.reused == 1
    assert [o.folds[0].resumed_at for _, o in made.runs] == [0, 2, 0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    undisturbed = compare(experiment, catalog=catalog)
    assert figures(made) == figures(undisturbed)


@pytest.mark.slow
def test_another_metric_ranks_chooses_and_is_drawn_for_all_rows(catalog):
    asked = {"metric": "positive_f1", "positive": "right", "training.class_weights": "balanced"}
    made = compare(heads("concat", "single", seeds=(0, 1), **asked), catalog=catalog)
    plain = made.plain()
    assert made.metric == plain["metric"] == "positive_f1"
    means = [row["metrics"]["report/positive_f1"]["mean"] for row in plain["ranking"]]
    assert means == sorted(means, reverse=True)
    assert list(plain["ranking"][0]["metrics"]) == [
        f"report/{name}" for name in ("positive_f1", "accuracy", "uar", "f1")
    ]
    run_metrics = made.runs[0][1].metrics
    assert {"report/positive_precision", "report_last/positive_recall", "selection/positive_f1"} <= set(
        run_metrics
    )
    best = made.ranking[0]
    record = get_run(made.run_id)
    assert record.metrics["best_mean/positive_f1"] == pytest.approx(best.score.mean, abs=1e-4)
    assert record.metrics["chance/positive_f1"] == pytest.approx(best.chance, abs=1e-4)
    assert record.tags["fusionbench.order"] == f"3 {best.score.mean:.6f}"
    assert record.tags["fusionbench.metric"] == "positive_f1"
    console = Console(width=200)
    with console.capture() as shown:
        console.print(ranking_table(made))
    head = next(line for line in shown.get().splitlines() if "MFLOP" in line)
    assert head.index("positive F1") < head.index("accuracy") < head.index("UAR") < head.index("macro F1")


@pytest.mark.slow
def test_a_metric_is_a_part_of_what_a_run_is_and_the_headline_spelt_out_is_the_headline(catalog):
    plain, spelt, uar = (
        run(Request({**BASE, "fusion": "concat", **asked}), None, catalog)
        for asked in ({}, {"metric": "accuracy"}, {"metric": "uar"})
    )
    assert spelt.reused and spelt.identity == plain.identity != uar.identity
    assert plain.config["metric"] == "accuracy" and uar.plain()["metric"] == "uar"
    assert read_fold(uar.run_id).judging == uar.judging
    assert uar.judging.metrics == ("uar", "accuracy", "f1")


@pytest.mark.slow
def test_a_head_that_cannot_weigh_classes_is_skipped_with_its_reason(catalog):
    asked = {"training.class_weights": "balanced", "relation": "none"}
    made = compare(heads("unweighed", "hse_nn", **asked), catalog=catalog)
    assert [row.label for row in made.ranking] == ["hse_nn"]
    assert "'unweighed' is solved for, and its solve() takes no class_weights" in made.skipped[0].reason
    assert made.skipped[0].reason.endswith("Off: --set training.class_weights=none.")


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_does_not_stop_the_others(catalog):
    made = compare(heads("raises", "concat"), catalog=catalog)
    assert [row.label for row in made.ranking] == ["concat"]
    assert [(a.label, a.seed) for a in made.failed] == [("raises", 0)]
    assert "Raises.forward raised RuntimeError: mat1" in made.failed[0].reason


@pytest.mark.slow
def test_what_does_not_fit_is_skipped_with_its_reason(catalog):
    base = {"fusion": "concat", "front_end.trainable": "relation", "relation.weights": None}
    experiment = Experiment("graphs", "?", {**BASE, **base}, {}, {"relation.graph": ["grid", "chang"]})
    made = compare(experiment, catalog=catalog)
    assert [row.label for row in made.ranking] == ["grid"]
    assert "landmarks" in made.skipped[0].reason


@pytest.mark.slow
def test_folds_are_pooled_for_the_ranking_and_spread_apart(catalog):
    experiment = heads("concat", seeds=(0, 1))
    experiment = dataclasses.replace(experiment, base={k: v for k, v in BASE.items() if k != "fold"})
    (row,) = compare(experiment, catalog=catalog).ranking
    assert len(row.metrics["accuracy"].values) == 2 and len(row.folds["accuracy"].values) == 3


@pytest.mark.slow
def test_the_same_comparison_under_another_name_is_the_same_record(catalog):
    made = compare(heads("arpg-no-scope"), catalog=catalog)
    other = dataclasses.replace(heads("arpg-no-scope"), name="again", question="Which?")
    renamed = compare(other, catalog=catalog)
    assert renamed.run_id == made.run_id and renamed.reused == 1
    record = get_run(made.run_id)
    assert record.status == "FINISHED" and record.name == "compare again"
    assert record.tags["fusionbench.experiment"] == "again" and record.params == {}


@pytest.mark.slow
def test_a_preset_and_its_options_spelt_out_are_one_run(catalog):
    named = run(Request({**BASE, "fusion": "arpg-no-scope"}), None, catalog)
    spelt = run(Request({**BASE, "fusion": "arpg", "fusion.trs": None}), None, catalog)
    assert spelt.reused and spelt.run_id == named.run_id


def test_a_dry_run_says_what_would_run_and_reads_no_clip(catalog, monkeypatch):
    monkeypatch.setattr(fakes.Squares, "read", lambda self, clip: pytest.fail("a clip was read"))
    planned = plan(heads("concat", "single", seeds=(0, 1, 2)), Watch(), catalog, dry=True)
    assert planned.unread == [0, 1, 2, 3, 4, 5] and planned.pending == [] and planned.finished == {}


def test_a_plan_knows_what_is_to_be_done(catalog):
    planned = plan(heads("concat", "single", seeds=(0, 1, 2)), Watch(), catalog)
    assert len(planned.pending) == 6 and planned.finished == {} and planned.unread == []
    dry = plan(heads("concat", "single"), Watch(), catalog, dry=True)
    assert len(dry.pending) == 2, "its clips are in the cache now"


@pytest.mark.slow
def test_a_comparison_is_judged_and_read_back_as_it_was(catalog):
    made = compare(heads("concat", "single", seeds=(0, 1)), catalog=catalog)
    (pair,) = made.plain()["pairs"]
    assert {pair["a"], pair["b"]} == {"concat", "single"} and pair["seeds"] == [0, 1]
    assert made.verdicts is not None and made.verdicts.groups == "1 subject"
    assert "All clips are of one subject" in made.verdicts.answer
    again = read_comparison(made.run_id)
    assert figures(again) == figures(made) and again.plain()["answer"] == made.plain()["answer"]
    assert again.plain()["pairs"] == made.plain()["pairs"]
    assert [record.run_id for record in find_comparisons("heads")] == [made.run_id]
    with pytest.raises(UserError, match=r"no finished comparison named 'hedas'\. Did you mean 'heads'"):
        find_comparisons("hedas")
    with pytest.raises(UserError, match="is no comparison: run"):
        read_comparison(made.runs[0][1].run_id)


@pytest.mark.slow
def test_rows_of_other_data_get_no_verdict(catalog):
    experiment = Experiment("x", "?", {**BASE, "fusion": "concat"}, {}, {"dataset.clips": [8, 10]})
    made = compare(experiment, catalog=catalog)
    assert made.verdicts is None and made.plain()["pairs"] == []
    assert made.plain()["answer"] == "Rows were judged on different data, so no verdict is given."


def test_a_row_to_judge_against_that_is_none_is_refused_before_anything_is_trained(catalog):
    against = dataclasses.replace(heads("concat", "single"), terms=Terms(against="singel", family="against"))
    with pytest.raises(UserError, match=r"named 'singel'. Did you mean 'single'\? Rows: concat, single"):
        compare(against, catalog=catalog)
    assert find_runs() == []


@pytest.mark.slow
def test_a_dry_run_says_what_could_be_shown_and_learns_from_finished_runs(catalog):
    experiment = dataclasses.replace(
        heads("concat", "single", seeds=(0, 1, 2)), base={k: v for k, v in BASE.items() if k != "fold"}
    )
    before = expect(experiment, plan(experiment, Watch(), catalog))
    assert before is not None and (before.design.clips, before.design.groups) == (24, 3)
    assert "two heads differ on 15 to 35 % of clips" in before.assumed
    assert any("not attainable with this size" in line for line in before.lines())
    compare(experiment, catalog=catalog)
    after = expect(experiment, plan(experiment, Watch(), catalog))
    assert after is not None and "1 pair(s) that are finished" in after.assumed
    many = heads(*(["concat", "single", "late", "concat_mlp", "gru", "arpg", "blstm"]), seeds=(0, 1))
    planned = expect(many, plan(many, Watch(), catalog))
    assert planned is not None and planned.design.pairs == 21
    assert any("no pair could pass Holm" in line for line in planned.lines())
    assert expect(heads("concat"), plan(heads("concat"), Watch(), catalog)) is None


@pytest.mark.parametrize(
    ("vary", "swept"),
    [
        ({"fusion": ["arpg", "concat"]}, ()),
        ({"fusion.trs": [1, 3], "seed": [0, 1]}, ("fusion.trs",)),
        ({"training.lr": [0.1, 0.01], "dataset": ["a", "b"]}, ("training.lr",)),
        ({"data.root": ["a", "b"]}, ()),
    ],
)
def test_rows_that_differ_in_options_are_tuning_on_the_report_split_and_say_so(vary, swept):
    experiment = Experiment("x", "?", {}, {}, vary)
    assert experiment.swept_options == swept
    made = Comparison(experiment, "id", "afew", "1", False, [], [])
    assert made.caution == (
        "" if not swept else f"Rows differ in {swept[0]}: picking the best is tuning on the report split."
    )


@pytest.mark.parametrize(
    ("base", "vary", "message"),
    [
        ({"fusion": "arpg"}, {"relation.patches": [6, 4]}, "front_end.trainable is none"),
        (
            {"fusion": "arpg", "front_end.trainable": "relation"},
            {"relation.heads": [4, 2]},
            "only some rows have pre-trained weights",
        ),
        ({"fusion": "arpg"}, {"dataset": ["afew", "squares"]}, "not on equal terms: sampling.frames is"),
        ({"fusion": "arpg"}, {"metric": ["uar", "f1"]}, "metric varies, but all rows .* are judged alike"),
        ({"fusion": "arpg"}, {"positive": ["left", "right"]}, "positive varies, but all rows"),
        ({"metric": "uarr"}, {"fusion": ["arpg"]}, r"metric 'uarr' .* Did you mean 'uar'\?"),
        ({"positive": "up"}, {"fusion": ["arpg"]}, "'up' is no class.* The two classes: left, right"),
    ],
)
def test_unequal_terms_are_refused_by_name(catalog, base, vary, message):
    with pytest.raises(UserError, match=message):
        members(Experiment("x", "?", {"dataset": "squares", **base}, {}, vary), catalog)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vary: {fusion: [arpg]}\n", "first line must be a comment"),
        ("# Q?\nbase: {dataset: afew}\n", "is no experiment"),
        ("# Q?\nvary:\n  fusion: arpg\n", "line 3: vary fusion needs a list"),
        ("# Q?\nvaries: {}\n", "is no experiment"),
    ],
)
def test_what_is_no_experiment_is_refused(tmp_path, text, message):
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read_experiment(file, Request())
