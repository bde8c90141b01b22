"""The page of a study: what it says of the choice, of every trial, and of what was passed over."""

from __future__ import annotations

import csv
import io

import pytest
import yaml

from fusionbench.catalog.resolve import Request
from fusionbench.contract.judging import USUAL
from fusionbench.report.document import pictures, tables
from fusionbench.report.plain_tables import as_csv
from fusionbench.report.study_page import build_study_page, compose_study
from fusionbench.study.finished_study import KeptDesign
from fusionbench.study.ledger import Trial
from fusionbench.study.ranking import Spread
from fusionbench.study.space import Axis, Space
from fusionbench.study.tuned import FoldSearch, Tuned
from fusionbench.study.tuning import Tuning
from tests.report import made_up
from tests.report.conftest import HOSTILE
from tests.report.test_page import blocks, words

SPACE = Space((Axis("fusion.trs", (0, 3, None)), Axis("relation.patches", (6, 4))))


def search(fold: str = "official", *, seeds: int = 2) -> FoldSearch:
    """Five trials of six points: one failed, one was ended early, and one was killed on its way."""
    points = list(SPACE.points())

    def trial(number: int, *scores: float, **more) -> Trial:
        mean = sum(scores) / len(scores) if scores else None
        kept = {"state": "finished", "seconds": 4.0, **more}
        return Trial(number, points[number], score=mean, scores=scores[:seeds], **kept)

    return FoldSearch(
        fold,
        [
            trial(0, 0.375, 0.5),
            trial(1, 0.50, 0.54, killed=1),
            trial(2, 0.48, 0.52),
            trial(3, 0.20, state="pruned", pruned_at=2),
            trial(4, state="failed", reason=f"RuntimeError: {HOSTILE}", seconds=0.0),
        ],
        unfit={'{"fusion.trs": 9}': "NotSupported: too far"},
        same=1,
        confirmations={1: Spread.of([0.40, 0.42, 0.44]), 2: Spread.of([0.45, 0.46, 0.47])},
        importance={"fusion.trs": 0.75, "relation.patches": 0.25},
    )


def study(*folds: FoldSearch, judged: bool = True, question: str = "") -> Tuned:
    """A study of two seeds a trial."""
    folds = folds or (search(),)
    data = made_up.Data(84, 12, made_up.CLASSES, USUAL)
    outcomes = [
        made_up.outcome(
            "arpg",
            seed,
            [made_up.one_fold(f.fold, "arpg", (0, seed, k), 0.4, data) for k, f in enumerate(folds)],
        )
        for seed in (0, 1)
    ]
    request = Request({"fusion.name": "arpg", "dataset.name": "afew", "training.epochs": 8})
    default = {"fusion.trs": 3, "relation.patches": 6}
    return Tuned(
        design=KeptDesign(
            question, request, SPACE, default, "grid", 6, [0, 1], 8, Tuning(seeds=2, confirm=2)
        ),
        study="trs",
        run_id="0123456789abcdef0123456789abcdef",
        mlflow_experiment="afew (stand-in)",
        mlflow_experiment_id="1",
        stand_in=True,
        metric="accuracy",
        folds=folds,
        outcomes=outcomes if judged else (),
    )


def table(made: Tuned, name: str) -> list[dict[str, str]]:
    """A table of the page as its CSV file has it."""
    (found,) = [one for one in tables(blocks(compose_study(made, {}))) if one.name == name]
    return list(csv.DictReader(io.StringIO(as_csv(found))))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    made = study(question=f"Which, {HOSTILE}?")
    return build_study_page(made, tmp_path_factory.mktemp("page"), {"torch": ["2.13.0"]}).read_text()


def test_the_choice_its_scores_and_the_gap_come_first(page):
    made = study()
    assert made.folds[0].chosen.trial.number == 2, "named by fresh seeds, not by the best score"
    report = sum(o.metrics["report/accuracy"] for o in made.outcomes) / 2
    said = words(page)
    answer = (
        "fusion.trs = 3 and relation.patches = 6 was chosen from 3 configurations. "
        f"On the report split, judged once, its accuracy is {100 * report:.1f} %."
    )
    assert said.index("Stand-in data:") < said.index("Which, <script>") < said.index(answer)
    assert "by accuracy with 2 seeds each; the best 2 were trained again with 3 fresh seeds each" in said
    (row,) = table(made, "chosen")
    assert (row["fusion.trs"], row["relation.patches"], row["trial"]) == ("3", "6", "2")
    assert (row["selection, %"], row["fresh seeds, %"], row["report, %"]) == ("0.5", "0.46", str(report))
    assert made.gap == pytest.approx(0.46 - report)
    assert f"{100 * (0.46 - report):+.1f} points".replace("-", "−") in said
    assert "1 trial failed; see what is missing below." in said


def test_every_trial_is_there_the_best_first(page):
    rows = table(study(), "trials")
    assert [row["trial"] for row in rows] == ["1", "2", "0", "3", "4"]
    assert [row["fresh seeds, %"] for row in rows][:3] == ["0.42", "0.46", ""]
    assert [row["state"] for row in rows] == [
        "finished, killed 1 x and gone on with",
        "finished",
        "finished",
        "pruned after epoch 2",
        "failed",
    ]


def test_figures_have_their_numbers(page):
    made = study()
    assert [picture.name for picture in pictures(blocks(compose_study(made, {})))] == [
        "map",
        "history",
        "importance",
    ]
    cells = table(made, "map")
    assert [list(row.values()) for row in cells] == [["6", "0.4375", "0.5", ""], ["4", "0.52", "", ""]]
    course = [(row["trial"], row["selection, %"], row["best so far, %"]) for row in table(made, "history")]
    assert course == [
        ("0", "0.4375", "0.4375"),
        ("1", "0.52", "0.52"),
        ("2", "0.5", "0.52"),
        ("3", "0.2", "0.52"),
    ]
    assert "the highest is 52.0 % at fusion.trs 0, relation.patches 4" in page
    assert page.count("<img") == 3


def test_what_is_missing_is_told_and_names_from_components_never_become_markup(page):
    said = words(page)
    assert "Not run, because the same model as another: 1 point" in said
    assert "Ended early, below the median of the others: trial 3 after epoch 2" in said
    assert "Killed and gone on with: 1 trial" in said
    assert "<script" not in page
    assert [row["state"] for row in table(study(), "missing")] == ["failed", "unfit"]


def test_the_search_can_be_given_again_from_its_file(tmp_path):
    build_study_page(study(), tmp_path)
    kept = yaml.safe_load((tmp_path / "search.yaml").read_text())
    assert kept["tune"]["space"] == {"fusion.trs": [0, 3, None], "relation.patches": [6, 4]}
    assert (kept["tune"]["trials"], kept["tune"]["seeds"], kept["tune"]["confirm"]) == (6, 2, 2)
    assert kept["base"]["training.epochs"] == 8


def test_folds_have_tables_and_figures_of_their_own(tmp_path):
    made = study(search("s/1"), search("s/2"))
    said = words(build_study_page(made, tmp_path).read_text())
    assert "Each of 2 folds chose a configuration of its own." in said and "folds pooled" in said
    assert [row["fold"] for row in table(made, "chosen")] == ["s/1", "s/2", "all"]
    drawn = sorted(file.name for file in (tmp_path / "figures").glob("*.svg"))
    assert drawn == sorted(
        f"{what}-{fold}.svg" for what in ("history", "importance", "map") for fold in ("s-1", "s-2")
    )


def test_a_study_that_judged_nothing_says_so():
    made = study(judged=False)
    report = compose_study(made, {})
    assert "It was not judged on the report split." in report.sections[0].blocks[0].text
    assert made.gap is None and table(made, "chosen")[0]["report, %"] == ""
    asked = {row["asked"]: row["answer"] for row in table(made, "checklist")}
    assert asked["report split"] == "not opened"


def test_the_same_study_gives_the_same_bytes(page, tmp_path):
    again = build_study_page(study(question=f"Which, {HOSTILE}?"), tmp_path, {"torch": ["2.13.0"]})
    assert again.read_text() == page
