"""What the page says, and that the same runs give the same bytes."""

from __future__ import annotations

import csv
import dataclasses
import html as markup
import io
import math
import re

import pytest
from matplotlib.text import Text

from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError
from fusionbench.contract.judging import Judging
from fusionbench.report.document import pictures, tables
from fusionbench.report.page import build_page, compose
from fusionbench.report.plain_tables import as_csv
from fusionbench.study.comparison import CONDITIONAL
from fusionbench.study.experiment import read_experiment
from fusionbench.study.terms import Terms
from tests.report import made_up
from tests.report.conftest import FAILED, HOSTILE


def blocks(report):
    return [block for section in report.sections for block in section.blocks]


def words(page: str) -> str:
    """What a reader sees, tags and styles away."""
    body = re.sub(r"<(style|head)>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(markup.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def table(report, name: str) -> list[dict[str, str]]:
    """A table of a report as its CSV file has it."""
    (found,) = [one for one in tables(blocks(report)) if one.name == name]
    return list(csv.DictReader(io.StringIO(as_csv(found))))


def test_the_question_the_answer_and_the_mark_come_first(page):
    made = made_up.comparison(("arpg", HOSTILE, "concat"), 3, clips=84, people=12, folds=2)
    said = words(page)
    assert said.index("Stand-in data:") < said.index("Which, <script>") < said.index(made.verdicts.answer)
    assert (
        said.index(made.verdicts.answer)
        < said.index("Ranking Report split")
        < said.rindex("How to rebuild it")
    )
    assert "Judged by accuracy over 3 seeds and 12 subjects, 3 pairs together" in said


def test_names_from_data_never_become_markup(page, built):
    assert "<script" not in page and "<b>and</b>" not in page
    assert page.count("&lt;script&gt;alert('x')&lt;/script&gt;") > 10
    assert (
        'alt="Confusion matrix of &lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;_%\\;' in page
    )
    assert not [file for file in built.rglob("*") if "<" in file.name or "&" in file.name]


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(built, tmp_path):
    made = made_up.comparison(
        ("arpg", HOSTILE, "concat"),
        3,
        clips=84,
        people=12,
        folds=2,
        failed=[FAILED],
        question=f"Which, {HOSTILE}?",
    )
    again = build_page(made, tmp_path / "again", {"torch": ["2.13.0"]}).parent
    files = {file.relative_to(built) for file in built.rglob("*") if file.is_file()}
    assert files == {file.relative_to(again) for file in again.rglob("*") if file.is_file()}
    assert [f for f in sorted(files) if (built / f).read_bytes() != (again / f).read_bytes()] == []


@pytest.mark.parametrize("stand_in", [True, False])
def test_every_figure_of_generated_data_is_marked_and_none_of_real_data(stand_in):
    report = compose(made_up.comparison(clips=42, people=6, folds=2, stand_in=stand_in), {})
    drawn = pictures(blocks(report))
    assert len(drawn) == 14
    for picture in drawn:
        said = [text.get_text() for text in picture.make().findobj(Text)]
        assert any("stand-in" in text for text in said) == stand_in, picture.name
        assert picture.alt and picture.numbers.rows
    assert bool(report.mark) == stand_in


def test_every_table_and_figure_lies_beside_the_page(built):
    made = made_up.comparison(("arpg", HOSTILE, "concat"), 3, clips=84, people=12, folds=2, failed=[FAILED])
    report = compose(made, {})
    names = {one.name for one in tables(blocks(report))}
    assert {"ranking", "pairs", "ranks", "recall", "subjects", "folds", "selection", "checklist"} <= names
    suffixes = {f"{name}.{form}" for name in names for form in ("csv", "md", "tex")}
    assert {file.name for file in (built / "tables").iterdir()} == suffixes
    figures = {f"{one.name}.{form}" for one in pictures(blocks(report)) for form in ("svg", "pdf")}
    assert {file.name for file in (built / "figures").iterdir()} == figures


def test_the_ranked_table_has_the_statistics_digits():
    made = made_up.comparison()
    first, second, third, chance = table(compose(made, {}), "ranking")
    assert [row["fusion"] for row in (first, second, third)] == [row.label for row in made.ranking]
    assert float(first["accuracy, %"]) == made.ranking[0].metrics["accuracy"].mean
    assert first["verdict"] == "reference" and float(chance["accuracy, %"]) == pytest.approx(1 / 7)
    pair = made.verdicts.between(first["fusion"], second["fusion"])
    assert float(second[f"difference to {first['fusion']}, points"]) == pytest.approx(-pair.difference)
    assert second["interval"] == f"[{-pair.high}, {-pair.low}]"
    assert second["rank"] == "1–3"


def test_differences_are_to_the_row_that_was_declared():
    terms = Terms(against="concat", family="against", margin=0.02)
    report = compose(made_up.comparison(terms=terms), {})
    reference = next(row for row in table(report, "ranking") if row["fusion"] == "concat")
    assert reference["difference to concat, points"] == "" and reference["verdict"] == "reference"
    told = {row["asked"]: row["answer"] for row in table(report, "checklist")}
    assert "all against concat, 2" in told["verdicts"] and "within 2 points" in told["verdicts"]


def test_another_metric_ranks_and_is_named_everywhere():
    report = compose(made_up.comparison(judging=Judging(("uar", "accuracy"))), {})
    first, *_ = table(report, "ranking")
    assert "UAR, %" in first and "difference to arpg, points" in first
    (chosen, *_) = table(report, "selection")
    assert set(chosen) == {"fusion", "selection, %", "report, %", "selection less report, points"}
    told = {row["asked"]: row["answer"] for row in table(report, "checklist")}
    assert told["epoch chosen by"] == "best UAR on the selection split; of equals the lower loss"
    assert not [c for c in table(report, "scores")[0] if c.startswith("UAR, ")], "it is no other score"


def test_what_is_missing_is_told_with_its_reason(page):
    assert "1 run gave no figures" in words(page)
    assert FAILED.reason in words(page)
    assert "9 of 10 planned have figures" in words(page)


@pytest.mark.slow
def test_one_head_of_one_seed_without_persons_or_curves_is_a_page(tmp_path):
    made = made_up.comparison(["arpg"], 1, people=None)
    ((slot, outcome),) = made.runs
    fold = dataclasses.replace(outcome.folds[0], history=[], classes=[], parts={})
    bare = dataclasses.replace(made, runs=[(slot, dataclasses.replace(outcome, folds=[fold]))])
    said = words(build_page(bare, tmp_path).read_text(encoding="utf-8"))
    for told in (
        made.no_verdict,
        "One seed: this speaks of these weights, not of the methods.",
        "The data name no persons; each clip stands for itself.",
        "These runs kept no score by epoch.",
        "class 0",
        "Nothing: every run of the plan has figures",
    ):
        assert told in said
    assert "Differences" not in said and "By fold" not in said


def test_predictions_alone_are_a_page():
    """Made elsewhere: no configuration, no cost, no epochs, no scores on a selection split."""
    made = made_up.comparison(stand_in=False)
    bare = []
    for slot, run in made.runs:
        fold = run.folds[0]
        scores = {name: score for name, score in fold.metrics.items() if name.startswith("report")}
        only = dataclasses.replace(fold, metrics=scores, cost={}, history=[], parts={}, epochs=0)
        bare.append((slot, dataclasses.replace(run, config={}, folds=[only])))
    unknown = {"params": math.nan, "ms_per_clip": math.nan, "flops": math.nan}
    ranking = [dataclasses.replace(row, **unknown) for row in made.ranking]
    report = compose(dataclasses.replace(made, runs=bare, ranking=ranking), {})
    assert [section.title for section in report.sections] == [
        "Answer",
        "Ranking",
        "Differences",
        "Ranks",
        "Classes",
        "By person",
        "Learning curves",
        "What is missing",
        "Reproducibility checklist",
        "How to rebuild it",
    ]
    told = {row["asked"]: row["answer"] for row in table(report, "checklist")}
    assert (
        told["training time"]
        == told["costs"]
        == told["clips"]
        == told["versions"]
        == "not kept by these runs"
    )


def test_a_comparison_without_figures_is_refused():
    with pytest.raises(UserError, match="no run of 'heads' has figures"):
        compose(dataclasses.replace(made_up.comparison(judge=False), runs=[], ranking=[]), {})


def test_the_experiment_beside_the_page_is_the_one_that_was_run(built):
    made = made_up.comparison(("arpg", HOSTILE, "concat"), 3)
    again = read_experiment(built / "experiment.yaml", Request())
    assert (dict(again.base), dict(again.vary)) == (dict(made.experiment.base), dict(made.experiment.vary))
    assert again.question == f"Which, {HOSTILE}?" and again.terms == made.experiment.terms


def test_a_sweep_and_a_leak_are_cautions():
    made = made_up.comparison()
    experiment = dataclasses.replace(made.experiment, vary={"fusion.trs": [1, 3, 5], "seed": [0, 1, 2]})
    leak = {"subjects": ["p01"], "count": 1, "of": 28}
    runs = [
        (slot, dataclasses.replace(run, folds=[dataclasses.replace(run.folds[0], subject_leak=leak)]))
        for slot, run in made.runs
    ]
    report = compose(dataclasses.replace(made, experiment=experiment, runs=runs), {})
    cautions = [block.text for block in report.sections[0].blocks if getattr(block, "kind", "") == "caution"]
    assert cautions == [
        "Rows differ in fusion.trs: picking the best is tuning on the report split.",
        "Subject leak: 1 of 28 reported subjects are also trained on.",
    ]


def test_the_folder_is_told_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"a report cannot be written to .*file"):
        build_page(made_up.comparison(clips=14, people=2), tmp_path / "file")


@pytest.mark.slow
def test_a_figure_that_cannot_be_drawn_costs_no_page(tmp_path, monkeypatch):
    monkeypatch.setattr("fusionbench.report.sections.pairs.rank_intervals", lambda *a, **k: 1 / 0)
    told = []
    page = build_page(made_up.comparison(), tmp_path, warn=told.append)
    assert len(told) == 1 and "a figure was not drawn (ZeroDivisionError" in told[0]
    assert "This figure could not be drawn." in page.read_text(encoding="utf-8")
    assert not list(tmp_path.glob("figures/ranks*")) and (tmp_path / "tables" / "ranks.csv").exists()


@pytest.mark.slow
def test_fourteen_heads_of_ten_seeds_are_less_than_three_megabytes(tmp_path):
    made = made_up.comparison([*made_up.HEADS, "former_dfer", "hse_nn", "multi_attention"], 10)
    page = build_page(made, tmp_path)
    assert page.stat().st_size < 3e6
    assert len((tmp_path / "tables" / "pairs.csv").read_text(encoding="utf-8").splitlines()) == 1 + 91
    assert "Drawn are the 13 pairs of arpg; the numbers hold all 91." in words(
        page.read_text(encoding="utf-8")
    )


def test_tuned_rows_are_a_family_of_their_own_beside_what_their_searches_tried():
    made = made_up.tuned(made_up.comparison(("arpg", HOSTILE, "concat"), 2, clips=40, people=None))
    report = compose(made, {})
    beside = table(report, "default-and-tuned")
    assert [row["fusion"] for row in beside] == [row.label for row in made.ranking]
    first = made.ranking[0].score.mean
    assert [float(beside[0][name]) for name in list(beside[0])[1:6]] == pytest.approx(
        [0.5, 0.52, first, first, 0]
    )
    assert beside[0]["chosen"] == "training.lr = 0.01"
    search = table(report, "searches")[0]
    assert (search["configurations"], search["budget"], search["training time"]) == ("4", "4", "360.0")
    assert search["searched"] == "training.lr: 1e-05 to 0.01, logarithmic"
    after = list(table(report, "best-after")[0].values())[1:]
    assert [float(score) for score in after] == pytest.approx([0.5, 0.51, 0.5 + 0.05 / 3, 0.52])
    names = [one.name for one in tables(blocks(report))]
    assert len(names) == len(set(names)) and {"ranking", "tuned-ranking", "tuned-pairs"} <= set(names)
    said = [block.text for block in blocks(report) if hasattr(block, "kind")]
    assert CONDITIONAL in said and made.verdicts.answer in said
    (checked,) = [row for row in table(report, "checklist") if row["asked"] == "searched"]
    assert checked["answer"].startswith("for the tuned rows 4 configurations each, 1 seed of each, random")
    assert "tuned" not in [section.anchor for section in compose(made.tuned.rows, {}).sections]


def test_costs_are_said_to_be_of_whole_models_where_rows_have_backbones_of_their_own():
    made = made_up.comparison(("arpg", "concat"), 2, clips=40, people=None)
    assert not made.whole_models
    (cost,) = [one for one in compose(made, {}).sections if one.anchor == "cost"]
    assert "of the head" in cost.blocks[1].caption
    for slot, outcome in made.runs:
        outcome.config["backbone"] = {"plugin": "tiny" if slot.label == "arpg" else "five_cnns"}
    assert made.whole_models
    (cost,) = [one for one in compose(made, {}).sections if one.anchor == "cost"]
    said = [block.caption for block in cost.blocks[:3]]
    assert "parameters of the whole model" in said[0]
    assert all("forward pass from frames to logits" in caption for caption in said[1:])
