"""A study from its space to its report score: chosen on the selection split, judged once, resumed at will."""

from __future__ import annotations

import json

import pytest
import yaml
from rich.console import Console

from fusionbench.bench.run import run
from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import FusionBenchError, UserError
from fusionbench.contract.watch import Watch
from fusionbench.report.sections.searched import search_file
from fusionbench.report.tune_table import next_command, tune_table
from fusionbench.study.design import design
from fusionbench.study.finished import find_finished
from fusionbench.study.finished_study import read_study
from fusionbench.study.ledger import Ledger
from fusionbench.study.saved import save_chosen
from fusionbench.study.tune import tune
from fusionbench.study.tuning import Tuning
from fusionbench.track.records import find_runs, get_run, read_json
from tests import fakes

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]

BASE = {"dataset": "squares", "fold": "s0", "training.epochs": 2, "training.batch_size": 4, "fusion": "arpg"}
SPACE = {"fusion.trs": [0, 1, 3, None], "fusion.heads": [1, 2]}


@pytest.fixture(scope="module")
def catalog():
    return fakes.catalog()


def planned(catalog, name="study", base=None, **tuning):
    asked = Tuning(**{"space": SPACE, "trials": 4, "confirm": 0, **tuning})
    return design(Request(BASE if base is None else base), asked, catalog, name)


def trials(**tags):
    return find_runs(tags={"fusionbench.kind": "trial", **tags})


def figures(made):
    """What of a study does not depend on the time and on who ran it."""
    folds = [
        [(trial.number, trial.point, trial.scores, trial.state) for trial in fold.trials]
        for fold in made.folds
    ]
    return {**made.plain(), "seeds": made.report.values, "folds": folds}


def test_the_chosen_configuration_is_confirmed_and_judged_and_can_be_run_from_its_file(catalog, tmp_path):
    made = tune(planned(catalog, trials=8, seeds=2, confirm=2))
    plain = json.loads(json.dumps(made.plain()))
    assert plain["study"] == "study" and plain["trials"] == 6, "null reaches as far as 3 in 4 frames"
    assert set(plain["best"]) == {"fusion.trs", "fusion.heads"}
    (fold,) = made.folds
    assert len(fold.confirmations) == 2 and fold.same == 2 and fold.exhausted
    winner = max(fold.confirmations, key=lambda n: fold.confirmations[n].mean)
    assert made.confirmed == max(spread.mean for spread in fold.confirmations.values())
    assert fold.confirmations[fold.chosen.trial.number].mean == fold.confirmations[winner].mean
    scores = fold.chosen.trial.scores
    assert made.score == sum(scores) / 2 and len(scores) == 2
    seeds = {r.params["seed"] for r in trials(**{"fusionbench.confirms": f"trial {winner}"})}
    assert seeds == {"2", "3", "4"}, "fresh: those of trials are 0 and 1"
    assert plain["report"] == made.report.mean and len(made.outcomes) == 2
    (file,) = save_chosen(made, tmp_path / "tuned.yaml")
    text = file.read_text()
    assert text.startswith("# Chosen by fusionbench") and made.run_id in text
    assert yaml.safe_load(text)["fusion"] == {
        "name": "arpg",
        **{key.split(".")[1]: value for key, value in made.best.items()},
    }
    again = run(Request(file=file), None, catalog)
    assert again.reused and again.run_id == made.outcomes[0].run_id
    assert next_command(made, [file]) == f"fusionbench run --config {file}"


def test_two_levels_in_mlflow_and_no_trial_saw_the_report_split(catalog):
    made = tune(planned(catalog, confirm=1))
    study = get_run(made.run_id)
    assert study.tags["fusionbench.kind"] == "study" and study.status == "FINISHED"
    assert study.name == "tune study" and study.params["searched"] == "fusion.trs, fusion.heads"
    every = find_runs()
    assert {r.tags.get("mlflow.parentRunId") for r in every if r.run_id != study.run_id} == {study.run_id}
    for record in trials():
        assert not any(name.startswith("report") for name in record.metrics)
        assert record.tags["fusionbench.study"] == "study" and record.params["trs"] in "01"
    kinds = sorted(record.tags["fusionbench.kind"] for record in every)
    assert kinds == ["run", "study"] + ["trial"] * 7
    own = {name for record in every if record.run_id != study.run_id for name in record.metrics}
    assert not own & set(study.metrics)
    choice = read_json(study.run_id, "choice.json")
    assert choice["report"] is None and choice["best"] == made.best, "written before the split was opened"
    assert read_json(study.run_id, "tuned.json")["report"] == made.report.mean
    assert len(read_json(study.run_id, "trials.json")["data"]) == 4


def test_a_study_is_read_back_as_it_was(catalog):
    made = tune(planned(catalog, trials=8, confirm=2))
    again = read_study(made.run_id)
    assert again.folds == made.folds and again.design.space == made.design.space
    assert (again.gap, again.report, again.best) == (made.gap, made.report, made.best)
    assert search_file(again) == search_file(made)
    assert [record.run_id for record in find_finished("study", ("study",))] == [made.run_id]
    with pytest.raises(UserError, match=r"no finished study named 'sudty'.*Did you mean 'study'"):
        find_finished("sudty", ("study",))
    with pytest.raises(UserError, match="is no study: run"):
        read_study(made.outcomes[0].run_id)
    chosen_only = tune(planned(catalog, "other", trials=1), judge=False)
    assert read_study(chosen_only.run_id).report is None


def test_what_was_passed_over_is_known_to_whoever_tells_of_the_study(catalog):
    space = {"fusion.heads": [3, 4], "fusion.dim": [30, 32]}
    base = {**BASE, "fusion": "mult"}
    first = tune(planned(catalog, base=base, space=space, trials=2), judge=False)
    (fold,) = first.folds
    assert [dict(trial.point) for trial in fold.trials] == [
        {"fusion.heads": 3, "fusion.dim": 30},
        {"fusion.heads": 4, "fusion.dim": 32},
    ]
    assert len(fold.unfit) == 2
    (again,) = tune(planned(catalog, base=base, space=space, trials=2), judge=False).folds
    assert again.unfit == fold.unfit


def test_the_same_command_goes_on_and_trials_are_the_total(catalog):
    first = tune(planned(catalog, trials=2))
    assert first.trials == 2 and len(trials()) == 2
    more = tune(planned(catalog, trials=5))
    assert more.trials == 5 and len(trials()) == 5 and more.run_id == first.run_id
    assert figures(more)["folds"][0][:2] == figures(first)["folds"][0]
    fewer = tune(planned(catalog, trials=1))
    assert fewer.trials == 5 and len(trials()) == 5


def test_interrupted_and_gone_on_with_is_as_undisturbed(catalog, monkeypatch, tmp_path):
    import fusionbench.learn.fit as fit_module

    monkeypatch.setattr(fit_module, "checkpoint_is_due", lambda seconds, cost: True)
    base = {**BASE, "training.epochs": 4}

    class Impatient(Watch):
        def progress(self, task, done, total):
            if task.startswith("tuning") and done == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(planned(catalog, base=base, seeds=1, sampler="random"), watch=Impatient())
    assert sorted(record.status for record in trials()) == ["FINISHED", "KILLED"]
    resumed = tune(planned(catalog, base=base, seeds=1, sampler="random"))
    assert [trial.killed for trial in resumed.folds[0].trials] == [0, 1, 0, 0]
    assert {record.status for record in trials()} == {"FINISHED"} and len(trials()) == 4
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path / "other"))
    undisturbed = tune(planned(catalog, base=base, seeds=1, sampler="random"))
    assert figures(resumed) == figures(undisturbed)


def test_equal_configurations_are_answered_from_the_finished_trial_of_any_study(catalog):
    tune(planned(catalog, "one", trials=4), judge=False)
    tune(planned(catalog, "two", trials=4), judge=False)
    assert len(trials()) == 4 == len(trials(**{"fusionbench.study": "one"}))
    assert find_runs(tags={"fusionbench.kind": "run"}) == []


def test_each_fold_chooses_on_its_own(catalog, tmp_path):
    base = {key: value for key, value in BASE.items() if key != "fold"}
    made = tune(planned(catalog, base=base, trials=2))
    assert [fold.fold for fold in made.folds] == ["s0", "s1", "s2"] and made.trials == 6
    assert {r.params["fold"] for r in trials()} == {"s0", "s1", "s2"}
    assert set(made.best) == {"s0", "s1", "s2"}
    (outcome,) = made.outcomes
    assert len(outcome.folds) == 3 and made.report.values == (outcome.metrics["report/accuracy"],)
    files = save_chosen(made, tmp_path / "tuned.yaml")
    assert [file.name for file in files] == ["tuned-s0.yaml", "tuned-s1.yaml", "tuned-s2.yaml"]
    again = run(Request(file=files[1]), None, catalog)
    assert again.reused and again.run_id == outcome.folds[1].run_id


def test_another_metric_chooses(catalog):
    made = tune(planned(catalog, base={**BASE, "metric": "uar"}))
    assert made.metric == "uar" and f"report/{made.metric}" in made.outcomes[0].metrics
    assert "best_selection/uar" in get_run(made.run_id).metrics


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"base": {**BASE, "training.epochs": 3}}, "training.epochs was 2 and is 3 now"),
        ({"space": {"fusion.trs": [0, 1]}}, r"space was \{.*\} and is"),
        ({"sampler": "random"}, "sampler was 'grid' and is 'random' now"),
        ({"base": {**BASE, "dataset.clips": 10}}, "data was '[0-9a-f]{12}' and is"),
        ({"seeds": 3}, "seeds of a trial was"),
    ],
)
def test_the_same_name_for_another_study_is_refused_with_the_difference(catalog, changed, message):
    tune(planned(catalog, trials=1), judge=False)
    with pytest.raises(UserError, match=f"study 'study' is another one: .*{message}"):
        tune(planned(catalog, trials=1, **changed))


def test_trials_that_raise_are_told_and_a_study_of_nothing_else_ends_with_the_reason(catalog):
    class Told(Watch):
        def __init__(self):
            self.warned = []

        def warn(self, message):
            self.warned.append(message)

    told = Told()
    base = {**BASE, "fusion": "raises"}
    with pytest.raises(FusionBenchError, match=r"no trial of fold s0 finished\. The first reason: .*mat1"):
        tune(planned(catalog, base=base, space={"training.lr": [0.1, 0.01]}, trials=2), watch=told)
    assert sum(line.startswith("trial") and "failed" in line for line in told.warned) == 2


def test_the_next_command_is_the_chosen_run_to_the_last_digit(catalog):
    base = {**BASE, "training.lr": 0.00123456, "dataset.clips": 10}
    made = tune(planned(catalog, base=base, space={"fusion.trs": [None]}, trials=1))
    assert next_command(made, []) == (
        "fusionbench run --dataset squares --fold s0 --epochs 2 --set training.batch_size=4 "
        "--fusion arpg --set training.lr=0.00123456 --set dataset.clips=10 --set fusion.trs=null"
    )


def test_pruning_is_told_where_it_happened(catalog, monkeypatch):
    def unreachable(self, epochs):
        return (1.1, 1.1) if any(trial.state == "finished" for trial in self.trials()) else ()

    monkeypatch.setattr(Ledger, "floors", unreachable)
    made = tune(planned(catalog, prune=True, trials=3, seeds=2))
    (fold,) = made.folds
    assert [(t.state, t.pruned_at, len(t.scores)) for t in fold.trials] == [
        ("finished", None, 2),
        ("pruned", 1, 1),
        ("pruned", 1, 1),
    ]
    assert made.trials == 3 and fold.chosen.trial.number == 0
    console = Console(width=200)
    with console.capture() as shown:
        console.print(tune_table(made))
    told = "ended early, below the median of the others: trial 1 after epoch 1, trial 2 after epoch 1"
    assert told in " ".join(shown.get().split())


def test_names_are_made_of_what_is_searched(catalog):
    made = tune(planned(catalog, None, trials=1), judge=False)
    other = tune(planned(catalog, None, trials=1, sampler="random"), judge=False)
    assert made.study.startswith("arpg-squares-") and other.study != made.study
    with pytest.raises(UserError, match="--name '' can't name a study"):
        planned(catalog, "")
